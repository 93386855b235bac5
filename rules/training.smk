# One network per task, noise and seed.

WEIGHTS = config["weights"]
if WEIGHTS == "imagenet":
    WEIGHTS_FILE = [f"{RESULTS}/weights/{BACKBONE}-imagenet.keras"]
else:
    WEIGHTS_FILE = [] if WEIGHTS == "none" else [WEIGHTS]


# The ImageNet weights of Keras Applications, so that training needs no network.
rule imagenet_weights:
    output:
        weights=protected(f"{RESULTS}/weights/{{backbone}}-imagenet.keras"),
    log:
        f"{RESULTS}/logs/imagenet_weights/{{backbone}}.log",
    localrule: True
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(4000),
        downloads=1,
    params:
        table=untracked(FILES_TABLE),
    script:
        "../workflow/scripts/imagenet_weights.py"


# A killed training leaves its progress beside the outputs and continues from it.
rule train:
    input:
        content=labelled("content.sha256"),
        labels=ancient(labelled("labels.parquet")),
        shards=ancient(SHARD_FILES),
        digests=ancient(SHARD_DIGESTS),
        weights=WEIGHTS_FILE,
    output:
        model=f"{RUN}/model.keras",
        history=f"{RUN}/history.csv",
        dynamics=f"{RUN}/dynamics.parquet",
        provenance=f"{RUN}/provenance.json",
    log:
        f"{RUN_LOGS}/train.log",
    benchmark:
        f"{RUN_LOGS}/train.benchmark.tsv"
    conda:
        "../envs/training.yaml"
    threads: config["network"]["threads"]
    resources:
        mem_mb=growing(8000),
        runtime=24 * 60,
        gpu=config["network"]["gpus"],
    params:
        kind=of_task("kind"),
        backbone=BACKBONE,
        crop=of_task("crop"),
        augmentation=of_task("augmentation"),
        weights_input=config["weights_input"],
        weight_cap=of_task("weight_cap"),
        training=of_task("training"),
        mixed_precision=config["network"]["mixed_precision"],
        xla=config["network"]["xla"],
        threads=config["network"]["threads"],
        progress=f"{RUN}/progress",
        tensorboard=f"{RESULTS}/tensorboard/{{task}}/noise-{{noise}}/seed-{{seed}}{{part}}",
        seed=training_seed,
        code=fingerprint("train.py"),
    script:
        "../workflow/scripts/train.py"
