import logging

from cxrnoise.core.jobs import job
from cxrnoise.images import remarks
from cxrnoise.report import pages

with job(snakemake):
    found = remarks.of_shards(snakemake.input.shards)
    logging.info("%d images are dark, bright or flat", len(found))
    pages.write_csv(found, snakemake.output.remarks)
