import logging
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.report import pages, table1
from cxrnoise.scores import tables

with job(snakemake):
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    setting = table1.Setting(
        dataset=params.dataset,
        seeds=sorted(set(params.seeds)),
        samples=params.samples,
        batch_size=params.batch_size,
        confidence=params.confidence_from,
        groups=params.groups,
        sd_factor=params.sd_factor,
        noise_model=params.noise_model,
    )
    judged = [
        tables.wide(
            manifests.read(verdicts, "verdicts"),
            confidence=manifests.read(confidence, "scores"),
            uncertainty=manifests.read(uncertainty, "scores"),
        )
        for verdicts, confidence, uncertainty in zip(
            files.verdicts, files.confidence, files.uncertainty, strict=True
        )
    ]
    runs = table1.by_seed(zip(params.noise, params.seeds, judged, strict=True))
    templates = Path(files.templates[0]).parent
    paper = pd.read_csv(files.paper) if params.beside_paper else None
    made_by = provenance.describe(asdict(setting), params.code)
    markdown = table1.markdown(runs, paper, setting)
    logging.info("Table 1\n%s", markdown)

    pages.write_csv(table1.mean(runs)[table1.COLUMNS], output.table)
    pages.write_csv(runs, output.by_seed)
    pages.write_text(markdown, output.markdown)
    pages.write_text(table1.html(runs, paper, setting, templates, made_by), output.html)
