import logging
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.reading import sources, verdicts
from cxrnoise.report import pages, table2

with job(snakemake):
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    key, given = manifests.read(files.key, "key"), manifests.read(files.readings, "readings")
    setting = table2.Setting(
        dataset=params.dataset,
        finding=params.finding,
        seed=params.seed,
        groups=params.groups,
        sd_factor=params.sd_factor,
        confined=bool(files.reads) and sources.are_expert_reads(files.reads),
        simulated=bool((given["source"] == sources.SIMULATED).any()),
    )
    judged = verdicts.judge(key, given)
    table, numbers = verdicts.counted(judged), verdicts.statistics(judged, key)
    templates = Path(files.templates[0]).parent
    paper = pd.read_csv(files.paper) if params.beside_paper else None
    made_by = provenance.describe(asdict(setting), params.code)
    markdown = table2.markdown(table, numbers, key, paper, setting)
    logging.info("Table 2\n%s", markdown)

    pages.write_csv(table, output.table)
    pages.write_csv(numbers, output.statistics)
    pages.write_text(markdown, output.markdown)
    page = table2.html(table, numbers, key, paper, setting, templates, made_by)
    pages.write_text(page, output.html)
