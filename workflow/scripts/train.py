from pathlib import Path

from cxrnoise.core import provenance
from cxrnoise.core.jobs import job
from cxrnoise.images import shards
from cxrnoise.networks import checkpoints, inputs, runtime, training

with job(snakemake):
    params, files = snakemake.params, snakemake.input
    seed = int(snakemake.wildcards.seed)
    gpus = snakemake.resources.gpu
    runtime.start(params.threads, seed, gpus, params.mixed_precision, params.xla)
    shards.verify(files.shards, files.digests)
    train = inputs.training_split(
        files.labels, files.shards, params.crop, params.augmentation, seed
    )
    val = inputs.splits(files.labels, ["val"], files.shards, params.crop)
    schedule = training.Schedule(**params.training)
    made_by = {
        key: value
        for key, value in params.items()
        if key not in ("code", "progress", "tensorboard")
    } | {
        **dict(snakemake.wildcards.items()),
        "labels": provenance.digest([files.labels]),
        "shards": provenance.digest(files.digests),
        "weights": provenance.digest(files.get("weights", [])),
    }
    made_by = provenance.describe(made_by, params.code)
    model_file = Path(snakemake.output.model)
    with checkpoints.opened(params.progress, made_by) as saved:
        if not training.is_saved(model_file, made_by):
            model, state = saved.restore() or (
                training.initial_model(
                    params.backbone,
                    params.crop,
                    schedule,
                    next(iter(files.get("weights", [])), None),
                    params.xla,
                ),
                checkpoints.State(),
            )
            history = training.train(
                model, train, val, schedule, seed, state, saved, params.tensorboard
            )
            training.save(model, history, model_file, made_by)
