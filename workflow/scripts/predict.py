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
    source = inputs.Source(files.labels, files.shards, params.kind, params.crop, None)
    radiographs, names = source.evaluated(params.splits), source.names()
    model = models.load(files.model, "delete it and run again", compile=False)
    probabilities = model.predict(
        inputs.evaluation_batches(radiographs, params.batch_size), verbose=0
    )
    predictions = pd.DataFrame(probabilities.astype(np.float32), columns=names)
    predictions.insert(0, "image", radiographs.image)
    predictions.insert(1, "split", radiographs.split)
    made_by = {"crop": params.crop, "model": provenance.digest([files.model])}
    manifests.write(
        predictions,
        snakemake.output.predictions,
        "predictions",
        provenance.describe(made_by, params.code),
        classes=names,
    )
