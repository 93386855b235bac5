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
    patients = {
        seed: manifests.read(cohort, "cohort")[["image", "patient"]]
        for seed, cohort in zip(params.seeds, files.cohorts, strict=False)  # of the first level
    }
    judged = [
        (noise, seed, verdicts.merge(patients[seed], on="image", validate="one_to_one"))
        for noise, seed, verdicts in zip(params.noise, params.seeds, judged, strict=True)
    ]
    runs, intervals = table1.by_seed(judged), table1.intervals(judged)
    templates = Path(files.templates[0]).parent
    paper = pd.read_csv(files.paper) if params.beside_paper else None
    made_by = provenance.describe(asdict(setting), params.code)
    markdown = table1.markdown(runs, intervals, paper, setting)
    logging.info("Table 1\n%s", markdown)

    pages.write_csv(table1.mean(runs)[table1.COLUMNS], output.table)
    pages.write_csv(runs, output.by_seed)
    pages.write_csv(intervals, output.intervals)
    pages.write_text(markdown, output.markdown)
    page = table1.html(runs, intervals, paper, setting, templates, made_by)
    pages.write_text(page, output.html)
