from cxrnoise.core import provenance, samples
from cxrnoise.core.jobs import job
from cxrnoise.images import shards
from cxrnoise.networks import inputs, models, runtime
from cxrnoise.networks.samplers import dropout

with job(snakemake):
    params, files = snakemake.params, snakemake.input
    seed = int(snakemake.wildcards.seed)
    runtime.start(params.threads, seed, snakemake.resources.gpu)
    shards.verify(files.shards, files.digests)
    source = inputs.Source(files.labels, files.shards, params.kind, params.crop, None)
    model = models.load(files.model, "delete it and run again", compile=False)
    radiographs = source.evaluated(params.splits)
    network = dropout.MonteCarloDropout(model)
    batches = inputs.evaluation_batches(radiographs, params.predict_batch_size)
    masks = network.masks(params.samples, seed)
    probabilities = network.samples((images for images, _ in batches), masks)
    made_by = {"samples": params.samples}
    made_by |= {"crop": params.crop, "model": provenance.digest([files.model])}
    samples.write(
        snakemake.output.samples,
        probabilities,
        radiographs.image,
        radiographs.split,
        source.names(),
        provenance.describe(made_by, params.code),
    )
