import logging
from dataclasses import asdict

import pandas as pd

from cxrnoise import manifests, pages, provenance, tables
from cxrnoise.jobs import job

with job(snakemake):
    params, output = snakemake.params, snakemake.output
    setting = tables.Setting(
        dataset=params.dataset,
        seeds=sorted(set(params.seeds)),
        samples=params.samples,
        batch_size=params.batch_size,
        confidence=params.confidence,
        groups=params.groups,
        sd_factor=params.sd_factor,
    )
    scores = [manifests.read(path, "scores") for path in snakemake.input.scores]
    runs = tables.by_seed(zip(params.noise, params.seeds, scores, strict=True))
    paper = pd.read_csv(snakemake.input.paper) if params.beside_paper else None
    made_by = provenance.describe(asdict(setting), params.code)
    markdown = tables.markdown(runs, paper, setting)
    logging.info("Table 1\n%s", markdown)

    pages.write_csv(tables.mean(runs)[tables.COLUMNS], output.table)
    pages.write_csv(runs, output.by_seed)
    pages.write_text(markdown, output.markdown)
    pages.write_text(tables.html(runs, paper, setting, made_by), output.html)
