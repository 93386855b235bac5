from cxrnoise.core import provenance, samples
from cxrnoise.core.jobs import job
from cxrnoise.images import shards
from cxrnoise.networks import inputs, models, runtime
from cxrnoise.networks.samplers import mcbn

with job(snakemake):
    params, files = snakemake.params, snakemake.input
    seed = params.seed
    runtime.start(params.threads, seed, snakemake.resources.gpu)
    shards.verify(files.shards, files.digests)
    source = inputs.Source(
        files.labels, files.shards, params.kind, params.crop, params.augmentation
    )
    training, evaluated = source.training(seed), source.evaluated(params.splits)
    network = mcbn.MonteCarloBatchNorm(
        models.load(files.model, "delete it and run again", compile=False)
    )
    chosen = mcbn.training_positions(len(training), params.batch_size, params.samples, seed)
    statistics = [
        network.statistics(training.training_batch(positions, seed, keys)[0].astype("float32"))
        for positions, keys in chosen
    ]
    batches = inputs.evaluation_batches(evaluated, params.predict_batch_size)
    probabilities = network.samples((images for images, _ in batches), statistics)
    made_by = {
        "samples": params.samples,
        "batch_size": params.batch_size,
        "crop": params.crop,
        "model": provenance.digest([files.model]),
    }
    samples.write(
        snakemake.output.samples,
        probabilities,
        evaluated.image,
        evaluated.split,
        source.names(),
        provenance.describe(made_by, params.code),
    )
