from cxrnoise.core.jobs import job
from cxrnoise.networks import weights

with job(snakemake):
    weights.fetch_imagenet(
        snakemake.wildcards.backbone, snakemake.params.table, snakemake.output.weights
    )
