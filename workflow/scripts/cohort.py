import logging

from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.tasks import cohorts

with job(snakemake):
    columns = ["image", "patient", "view", "findings"]
    index = manifests.frames(snakemake.input.index, "index", columns)
    draw, seed = dict(snakemake.params.draw), int(snakemake.wildcards.seed)
    if snakemake.wildcards.task == "situs":
        cohort = cohorts.situs(index, draw["splits"], seed)
    else:
        held_out = cohorts.images_named(snakemake.input.held_out or None)
        cohort = cohorts.finding(index, **draw, seed=seed, held_out=held_out)
    made_by = {**draw, **dict(snakemake.wildcards.items())}
    manifests.write(
        cohort,
        snakemake.output.cohort,
        "cohort",
        provenance.describe(made_by, snakemake.params.code),
    )
    counts = cohorts.counts(manifests.frames(snakemake.output.cohort, "cohort"))
    logging.info("images and positive ones:\n%s", counts)
