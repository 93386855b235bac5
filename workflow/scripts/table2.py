import logging
from dataclasses import asdict

import pandas as pd

from cxrnoise import judgements, manifests, pages, provenance, readers, table2
from cxrnoise.jobs import job

with job(snakemake):
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    key, given = manifests.read(files.key, "key"), manifests.read(files.readings, "readings")
    setting = table2.Setting(
        dataset=params.dataset,
        finding=params.finding,
        seed=params.seed,
        groups=params.groups,
        sd_factor=params.sd_factor,
        confined=params.confined,
        simulated=bool((given["source"] == readers.SIMULATED).any()),
    )
    judged = judgements.judge(key, given)
    table, numbers = judgements.counted(judged), judgements.statistics(judged, key)
    paper = pd.read_csv(files.paper) if params.beside_paper else None
    made_by = provenance.describe(asdict(setting), params.code)
    markdown = table2.markdown(table, numbers, key, paper, setting)
    logging.info("Table 2\n%s", markdown)

    pages.write_csv(table, output.table)
    pages.write_csv(numbers, output.statistics)
    pages.write_text(markdown, output.markdown)
    pages.write_text(table2.html(table, numbers, key, paper, setting, made_by), output.html)
