from cxrnoise import pretrained
from cxrnoise.jobs import job

with job(snakemake):
    pretrained.fetch_imagenet(
        snakemake.wildcards.backbone, snakemake.params.table, snakemake.output.weights
    )
