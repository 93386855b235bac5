import logging

import pandas as pd

from cxrnoise.audit import hanging, thumbnails
from cxrnoise.core import manifests
from cxrnoise.core.jobs import job
from cxrnoise.report.pages import write_csv

with job(snakemake):
    params, files = snakemake.params, snakemake.input
    images = hanging.of_shards(manifests.read(files.index, "index"), params.seed)
    predictions = manifests.read(files.predictions, "predictions")
    thumbs = thumbnails.read(files.shards, images["image"])
    lists = [
        hanging.wrongly(predictions, images, params.first),
        hanging.twice(thumbs, images, params.first),
        hanging.odd(files.unmirrored, images, params.seed, params.first),
    ]
    write_csv(pd.concat(lists), snakemake.output.lists)
    logging.info("%d images looked at, %d of them for how they hang", len(images), len(predictions))
