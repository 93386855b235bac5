import pandas as pd

from cxrnoise.audit import hanging, thumbnails, turning
from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.tasks import orientations

with job(snakemake):
    params, files = snakemake.params, snakemake.input
    images = hanging.of_shards(manifests.read(files.index, "index"), params.seed)
    thumbs = thumbnails.read(files.shards, images["image"])
    probabilities = turning.out_of_fold(
        thumbs, files.unmirrored, files.mirrored, images, params.seed
    )
    names = orientations.names()
    predictions = pd.DataFrame(probabilities, columns=names)
    predictions.insert(0, "image", images["image"])
    predictions.insert(1, "split", "test")
    described = provenance.describe({"seed": params.seed}, params.code)
    manifests.write(
        predictions, snakemake.output.predictions, "predictions", described, classes=names
    )
