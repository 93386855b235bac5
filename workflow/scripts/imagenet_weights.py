from cxrnoise.core.jobs import job
from cxrnoise.networks import imagenet

with job(snakemake):
    imagenet.fetch(snakemake.wildcards.backbone, snakemake.params.table, snakemake.output.weights)
