import logging

from cxrnoise import cohorts, manifests, provenance
from cxrnoise.jobs import job

with job(snakemake):
    index = manifests.read(snakemake.input.index, "index")
    cohort = cohorts.situs(index, snakemake.params.splits, int(snakemake.wildcards.seed))
    logging.info("images per split: %s", cohort["split"].value_counts().to_dict())
    made_by = {"splits": snakemake.params.splits, **dict(snakemake.wildcards.items())}
    manifests.write(
        cohort,
        snakemake.output.cohort,
        "cohort",
        provenance.describe(made_by, snakemake.params.code),
    )
