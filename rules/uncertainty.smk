# What the trained network says of images it has not seen, and how sure it is.


# The probabilities of the trained network.
rule predict:
    input:
        model=f"{RUN}/model.keras",
        content=labelled("content.sha256"),
        labels=ancient(labelled("labels.parquet")),
        shards=ancient(SHARD_FILES),
        digests=ancient(SHARD_DIGESTS),
    output:
        predictions=f"{RUN}/predictions.parquet",
    log:
        f"{RUN_LOGS}/predict.log",
    wildcard_constraints:
        task="|".join(map(re.escape, TRAINED)) or "-",
    conda:
        "../envs/training.yaml"
    threads: config["network"]["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        kind=of_task("kind"),
        splits=predicted_splits,
        crop=of_task("crop"),
        batch_size=config["uncertainty"]["predict_batch_size"],
        threads=config["network"]["threads"],
        code=fingerprint("predict.py"),
    script:
        "../workflow/scripts/predict.py"


# The probabilities of every Monte Carlo batch-normalisation sample.
rule mcbn:
    input:
        model=f"{RUN}/model.keras",
        content=labelled("content.sha256"),
        labels=ancient(labelled("labels.parquet")),
        shards=ancient(SHARD_FILES),
        digests=ancient(SHARD_DIGESTS),
    output:
        samples=f"{RUN}/mcbn.h5",
    log:
        f"{RUN_LOGS}/mcbn.log",
    benchmark:
        f"{RUN_LOGS}/mcbn.benchmark.tsv"
    conda:
        "../envs/training.yaml"
    threads: config["network"]["threads"]
    resources:
        mem_mb=growing(8000),
        runtime=growing(8 * 60),
        gpu=config["network"]["gpus"],
    params:
        kind=of_task("kind"),
        splits=predicted_splits,
        crop=of_task("crop"),
        augmentation=of_task("augmentation"),
        seed=training_seed,
        samples=config["uncertainty"]["samples"],
        batch_size=config["uncertainty"]["batch_size"],
        predict_batch_size=config["uncertainty"]["predict_batch_size"],
        threads=config["network"]["threads"],
        code=fingerprint("mcbn.py"),
    script:
        "../workflow/scripts/mcbn.py"


# The probabilities of varied views of each image (test-time augmentation).
rule augmented:
    input:
        model=f"{RUN}/model.keras",
        content=labelled("content.sha256"),
        labels=ancient(labelled("labels.parquet")),
        shards=ancient(SHARD_FILES),
        digests=ancient(SHARD_DIGESTS),
    output:
        samples=f"{RUN}/augmented.h5",
    log:
        f"{RUN_LOGS}/augmented.log",
    benchmark:
        f"{RUN_LOGS}/augmented.benchmark.tsv"
    conda:
        "../envs/training.yaml"
    threads: config["network"]["threads"]
    resources:
        mem_mb=growing(8000),
        runtime=growing(8 * 60),
        gpu=config["network"]["gpus"],
    params:
        kind=of_task("kind"),
        splits=predicted_splits,
        crop=of_task("crop"),
        augmentation=of_task("augmentation"),
        views=config["uncertainty"]["augmentations"],
        predict_batch_size=config["uncertainty"]["predict_batch_size"],
        threads=config["network"]["threads"],
        code=fingerprint("augmented.py"),
    script:
        "../workflow/scripts/augmented.py"


# The probabilities of every Monte Carlo dropout sample, of a network that has dropout.
rule mc_dropout:
    input:
        model=f"{RUN}/model.keras",
        content=labelled("content.sha256"),
        labels=ancient(labelled("labels.parquet")),
        shards=ancient(SHARD_FILES),
        digests=ancient(SHARD_DIGESTS),
    output:
        samples=f"{RUN}/dropout.h5",
    log:
        f"{RUN_LOGS}/dropout.log",
    benchmark:
        f"{RUN_LOGS}/dropout.benchmark.tsv"
    conda:
        "../envs/training.yaml"
    threads: config["network"]["threads"]
    resources:
        mem_mb=growing(8000),
        runtime=growing(8 * 60),
        gpu=config["network"]["gpus"],
    params:
        kind=of_task("kind"),
        splits=predicted_splits,
        crop=of_task("crop"),
        samples=config["uncertainty"]["samples"],
        predict_batch_size=config["uncertainty"]["predict_batch_size"],
        threads=config["network"]["threads"],
        code=fingerprint("dropout.py"),
    script:
        "../workflow/scripts/dropout.py"
