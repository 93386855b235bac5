import numpy as np
import pandas as pd

from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.images import shards
from cxrnoise.networks import inputs, models, runtime

with job(snakemake):
    params, files = snakemake.params, snakemake.input
    runtime.start(params.threads, int(snakemake.wildcards.seed))
    shards.verify(files.shards, files.digests)
    radiographs = inputs.splits(files.labels, params.splits, files.shards, params.crop)
    model = models.load(files.model, "delete it and run again")
    probabilities = model.predict(
        inputs.evaluation_batches(radiographs, params.batch_size), verbose=0
    )
    predictions = pd.DataFrame(
        {
            "image": radiographs.image,
            "split": radiographs.split,
            "p0": probabilities[:, 0].astype(np.float32),
            "p1": probabilities[:, 1].astype(np.float32),
        }
    )
    made_by = {"crop": params.crop, "model": provenance.digest([files.model])}
    manifests.write(
        predictions,
        snakemake.output.predictions,
        "predictions",
        provenance.describe(made_by, params.code),
    )
