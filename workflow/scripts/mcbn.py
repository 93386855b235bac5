import keras

from cxrnoise import inputs, manifests, mcbn, provenance, runtime, shards
from cxrnoise.jobs import job

with job(snakemake):
    params, files = snakemake.params, snakemake.input
    seed = int(snakemake.wildcards.seed)
    runtime.start(params.threads, seed)
    shards.verify(files.shards, files.digests)
    labels = manifests.read(files.labels, "labels")
    training, evaluated = (
        inputs.Radiographs(
            labels[labels["split"].isin(splits)], files.labels, files.shards, params.crop
        )
        for splits in (["train"], params.splits)
    )
    network = mcbn.MonteCarloBatchNorm(keras.saving.load_model(files.model, safe_mode=True))
    statistics = [
        network.statistics(training.batch(positions).astype("float32"))
        for positions in mcbn.training_positions(
            len(training), params.batch_size, params.samples, seed
        )
    ]
    batches = inputs.evaluation_batches(evaluated, params.predict_batch_size)
    probabilities = network.samples((images for images, _ in batches), statistics)
    made_by = {
        "samples": params.samples,
        "batch_size": params.batch_size,
        "crop": params.crop,
        "model": provenance.digest([files.model]),
    }
    mcbn.write(
        snakemake.output.samples,
        probabilities,
        evaluated.image,
        evaluated.split,
        provenance.describe(made_by, params.code),
    )
