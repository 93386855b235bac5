"""Render one part of the phantom data set into its folder."""

from pathlib import Path

from cxrnoise import phantom
from cxrnoise.jobs import job

with job(snakemake):
    config = dict(snakemake.params.phantom)
    frame = phantom.patients(config)
    part = frame[frame["part"] == int(snakemake.wildcards.part)]
    phantom.write_part(part, Path(snakemake.output.images), config)
