"""Render one part of the phantom data set into its folder."""

from pathlib import Path

from cxrnoise.core.jobs import job
from cxrnoise.datasets.phantom import patients

with job(snakemake):
    config = dict(snakemake.params.phantom)
    frame = patients.patients(config)
    part = frame[frame["part"] == int(snakemake.wildcards.part)]
    patients.write_part(part, Path(snakemake.output.images), config)
