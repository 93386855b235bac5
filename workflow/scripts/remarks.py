import logging

import pandas as pd

from cxrnoise.core.jobs import job
from cxrnoise.images import radiographs, shards
from cxrnoise.report import pages

with job(snakemake):
    found = []
    for path in snakemake.input.shards:
        with shards.opened(path) as file:
            images = file["image"].asstr()[:]
            remarks = [radiographs.remark(pixels) for pixels in file["pixels"]]
        found += [pair for pair in zip(images, remarks, strict=True) if pair[1]]
    logging.info("%d images are dark, bright or flat", len(found))
    pages.write_csv(pd.DataFrame(found, columns=["image", "remark"]), snakemake.output.remarks)
