import logging
from dataclasses import asdict

import pandas as pd

from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.report import pages, table1

with job(snakemake):
    params, output = snakemake.params, snakemake.output
    setting = table1.Setting(
        dataset=params.dataset,
        seeds=sorted(set(params.seeds)),
        samples=params.samples,
        batch_size=params.batch_size,
        confidence=params.confidence,
        groups=params.groups,
        sd_factor=params.sd_factor,
    )
    scores = [manifests.read(path, "scores") for path in snakemake.input.scores]
    runs = table1.by_seed(zip(params.noise, params.seeds, scores, strict=True))
    paper = pd.read_csv(snakemake.input.paper) if params.beside_paper else None
    made_by = provenance.describe(asdict(setting), params.code)
    markdown = table1.markdown(runs, paper, setting)
    logging.info("Table 1\n%s", markdown)

    pages.write_csv(table1.mean(runs)[table1.COLUMNS], output.table)
    pages.write_csv(runs, output.by_seed)
    pages.write_text(markdown, output.markdown)
    pages.write_text(table1.html(runs, paper, setting, made_by), output.html)
