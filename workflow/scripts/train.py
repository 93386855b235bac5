from pathlib import Path

from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.images import shards
from cxrnoise.networks import checkpoints, dynamics, inputs, objectives, runtime, training, weights

with job(snakemake):
    params, files = snakemake.params, snakemake.input
    seed = params.seed
    gpus = snakemake.resources.gpu
    runtime.start(params.threads, seed, gpus, params.mixed_precision, params.xla)
    shards.verify(files.shards, files.digests)
    source = inputs.Source(
        files.labels, files.shards, params.kind, params.crop, params.augmentation
    )
    train, val = source.training(seed), source.validation()
    if params.kind == "findings":
        objective = objectives.findings(train.target, params.weight_cap)
    else:
        objective = objectives.exclusive(len(manifests.classes(files.labels)))
    schedule = training.Schedule(**params.training)
    file = next(iter(files.get("weights", [])), None)
    made_by = {
        key: value
        for key, value in params.items()
        if key not in ("code", "progress", "tensorboard")
    } | {
        **dict(snakemake.wildcards.items()),
        "content": Path(files.content).read_text().split()[0],
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
                    objective,
                    weights.read(file, params.weights_input) if file else None,
                    params.xla,
                ),
                checkpoints.State(),
            )
            history = training.train(
                model, train, val, schedule, seed, state, saved, params.tensorboard
            )
            table = dynamics.table(state.dynamics, train)
            manifests.write(table, snakemake.output.dynamics, "dynamics", made_by)
            training.save(model, history, model_file, made_by)  # the last, see `is_saved`
