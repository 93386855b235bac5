import keras
import numpy as np

from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.images import shards
from cxrnoise.networks import inputs, models, runtime
from cxrnoise.reading import neighbours

with job(snakemake):
    params, files = snakemake.params, snakemake.input
    runtime.start(params.threads, int(snakemake.wildcards.seed))
    shards.verify(files.shards, files.digests)
    read = manifests.read(files.key, "key")["image"]
    source = inputs.Source(files.labels, files.shards, params.kind, params.crop, None)
    radiographs = source.chosen(
        lambda labels: (
            labels["image"].isin(read) | (labels["split"] == "train") & (labels["given_label"] == 1)
        )
    )
    model = models.load(files.model, "delete it and run again", compile=False)
    both = keras.Model(model.inputs, [model.get_layer("classifier").input, *model.outputs])
    features, probabilities = both.predict(
        inputs.evaluation_batches(radiographs, params.batch_size), verbose=0
    )
    found = neighbours.Features(
        image=radiographs.image.astype(str),
        role=np.where(radiographs.split == "train", neighbours.POSITIVE, "case"),
        features=features.astype(np.float32),
        p1=probabilities[:, 1].astype(np.float32),
    )
    made_by = {"crop": params.crop, "model": provenance.digest([files.model])}
    neighbours.write(found, snakemake.output.features, provenance.describe(made_by, params.code))
