from pathlib import Path

import pandas as pd

from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.report import comparison, pages

with job(snakemake):
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    table1, table2 = pd.read_csv(files.paper_table1), pd.read_csv(files.paper_table2)
    text = pd.read_csv(files.paper_numbers)
    ours = comparison.ours_of_settings(params.settings)
    if files.get("table1"):
        intervals = pd.read_csv(files.intervals)
        ours |= comparison.ours_of_table1(pd.read_csv(files.table1), intervals, table1)
        ours |= comparison.ours_of_cohort(manifests.read(files.cohort, "cohort"))
    if files.get("evaluation"):
        labels = manifests.read(files.labels, "labels")
        ours |= comparison.ours_of_finding(labels, pd.read_csv(files.evaluation), text)
    if files.get("table2"):
        statistics = pd.read_csv(files.statistics)
        ours |= comparison.ours_of_table2(pd.read_csv(files.table2), statistics, table2)
    rows = comparison.compare(comparison.numbers(table1, table2, text), ours)

    simulated = bool(params.simulated and files.get("table2"))
    made_by = provenance.describe({"dataset": params.dataset}, params.code)
    templates = Path(files.templates[0]).parent
    page = comparison.html(rows, params.dataset, params.finding, simulated, templates, made_by)
    pages.write_csv(rows, output.csv)
    pages.write_text(page, output.html)
