from cxrnoise.core import provenance, samples
from cxrnoise.core.jobs import job

with job(snakemake):
    described = provenance.describe(dict(snakemake.wildcards.items()), snakemake.params.code)
    samples.join(snakemake.output[0], list(snakemake.input), described)
