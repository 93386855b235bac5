from cxrnoise.core import provenance, samples
from cxrnoise.core.jobs import job
from cxrnoise.images import shards
from cxrnoise.networks import inputs, models, runtime
from cxrnoise.networks.samplers import augmented

with job(snakemake):
    params, files = snakemake.params, snakemake.input
    seed = int(snakemake.wildcards.seed)
    runtime.start(params.threads, seed, snakemake.resources.gpu)
    shards.verify(files.shards, files.digests)
    source = inputs.Source(
        files.labels, files.shards, params.kind, params.crop, params.augmentation
    )
    model = models.load(files.model, "delete it and run again", compile=False)
    radiographs = source.varied(params.splits)
    probabilities = augmented.samples(
        model, radiographs, params.views, seed, params.predict_batch_size
    )
    made_by = {"views": params.views, "augmentation": params.augmentation}
    made_by |= {"crop": params.crop, "model": provenance.digest([files.model])}
    samples.write(
        snakemake.output.samples,
        probabilities,
        radiographs.image,
        radiographs.split,
        source.names(),
        provenance.describe(made_by, params.code),
    )
