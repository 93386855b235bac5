import logging

from cxrnoise.core import manifests, provenance
from cxrnoise.core.files import replacing
from cxrnoise.core.jobs import job
from cxrnoise.tasks import noise

with job(snakemake):
    params, wildcards = snakemake.params, snakemake.wildcards
    labels = noise.labels(
        manifests.frames(snakemake.input.cohort, "cohort"),
        manifests.frames(snakemake.input.index, "index", ["image", "shard", "row"]),
        float(wildcards.noise),
        params.noisy_splits,
        int(wildcards.seed),
    )
    made_by = {"noisy_splits": params.noisy_splits, **dict(wildcards.items())}
    manifests.write(
        labels, snakemake.output.labels, "labels", provenance.describe(made_by, params.code)
    )
    flips = noise.counts(manifests.frames(snakemake.output.labels, "labels"))
    logging.info("asked for %s %% of flipped labels, drawn:\n%s", wildcards.noise, flips)
    with replacing(snakemake.output.flips) as temporary:
        flips.to_csv(temporary, index=False)
