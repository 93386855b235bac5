import logging

from cxrnoise import cohorts, manifests, provenance
from cxrnoise.jobs import job

with job(snakemake):
    index = manifests.read(snakemake.input.index, "index")
    draw, seed = dict(snakemake.params.draw), int(snakemake.wildcards.seed)
    if snakemake.wildcards.task == "situs":
        cohort = cohorts.situs(index, draw["splits"], seed)
    else:
        held_out = cohorts.images_named(snakemake.input.held_out or None)
        cohort = cohorts.finding(index, **draw, seed=seed, held_out=held_out)
    logging.info("images and positive ones:\n%s", cohorts.counts(cohort))
    made_by = {**draw, **dict(snakemake.wildcards.items())}
    manifests.write(
        cohort,
        snakemake.output.cohort,
        "cohort",
        provenance.describe(made_by, snakemake.params.code),
    )
