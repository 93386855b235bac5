"""Render one part of the phantom data set into its folder."""

from cxrnoise.core.jobs import job
from cxrnoise.datasets.phantom import patients, render

with job(snakemake):
    config = dict(snakemake.params.phantom)
    part = patients.patients(config, int(snakemake.wildcards.part))
    render.write_part(part, snakemake.output.images, config)
