from cxrnoise.core import provenance
from cxrnoise.core.features import write_features
from cxrnoise.core.jobs import job
from cxrnoise.images import shards
from cxrnoise.networks import features, runtime, weights

with job(snakemake):
    params, files = snakemake.params, snakemake.input
    runtime.start(params.threads, seed=0)
    shards.verify([files.shard], [files.digest])
    pretrained = weights.read(files.network, params.weights_input)
    frozen, missing = features.frozen(params.backbone, params.crop, pretrained)
    network = features.extractor(frozen, missing, params.layers)
    with shards.opened(files.shard) as shard:
        images = shard["image"].asstr("utf-8")[:]
        found = features.of_images(
            network, shard["pixels"], params.crop, params.mirrored, params.batch_size
        )
    made_by = {
        "network": provenance.digest([files.network]),
        **{key: params[key] for key in ("backbone", "crop", "layers", "mirrored")},
    }
    write_features(
        snakemake.output.features, found, images, provenance.describe(made_by, params.code)
    )
