import pandas as pd

from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.report import comparison, pages

with job(snakemake):
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    table1, table2 = pd.read_csv(files.paper_table1), pd.read_csv(files.paper_table2)
    text = pd.read_csv(files.paper_numbers)
    made = dict(zip(params.made, files.made, strict=True))
    ours = comparison.ours_of_settings(params.settings)
    if "table1" in made:
        ours |= comparison.ours_of_table1(pd.read_csv(made["table1"]), table1)
        ours |= comparison.ours_of_cohort(manifests.read(made["cohort"], "cohort"))
    if "evaluation" in made:
        labels = manifests.read(made["labels"], "labels")
        ours |= comparison.ours_of_finding(labels, pd.read_csv(made["evaluation"]), text)
    if "table2" in made:
        statistics = pd.read_csv(made["statistics"], keep_default_na=True)
        ours |= comparison.ours_of_table2(pd.read_csv(made["table2"]), statistics, table2)
    found = comparison.contradictions(table1, table2, text)
    rows = comparison.compare(
        comparison.numbers(table1, table2, text), ours, comparison.marks(found)
    )
    made_by = provenance.describe({"dataset": params.dataset, "made": params.made}, params.code)
    page = comparison.html(
        rows, found, params.dataset, params.finding, params.simulated and "table2" in made, made_by
    )
    pages.write_csv(rows, output.csv)
    pages.write_text(page, output.html)
