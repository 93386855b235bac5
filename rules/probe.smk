# The probe: a linear classifier on the features of a frozen network, minutes on a CPU.


wildcard_constraints:
    network="|".join(
        [
            PRETRAINED,
            *(
                rf"{re.escape(name)}-\d+"
                for name, task in TASKS.items()
                if task["kind"] == "orientation"
            ),
        ]
    ),
    shown="unmirrored|mirrored",
    crop=r"\d+",


# What the network makes of the images of one shard.
rule probe_features:
    input:
        shard=ancient(f"{SHARD}.h5"),
        digest=f"{SHARD}.sha256",
        network=network_of_features,
    output:
        features=FEATURES,
    log:
        f"{RESULTS}/logs/features/{{network}}/{{shown}}-{{crop}}/{{shard}}.log",
    conda:
        "../envs/training.yaml"
    threads: config["network"]["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        backbone=BACKBONE,
        weights_input=lambda wildcards: (
            config["weights_input"] if wildcards.network == PRETRAINED else "auto"
        ),
        layers=config["probe"]["layers"],
        crop=lambda wildcards: int(wildcards.crop),
        mirrored=lambda wildcards: wildcards.shown == "mirrored",
        batch_size=config["uncertainty"]["predict_batch_size"],
        threads=config["network"]["threads"],
        code=fingerprint("features_of_shard.py"),
    script:
        "../workflow/scripts/features_of_shard.py"


# Every image of a cohort predicted by classifiers on the features of other patients, and by heads
# on resampled patients.
rule probe:
    input:
        content=f"{LABELLED}/content.sha256",
        known=f"{LABELLED}/known.sha256",
        labels=ancient(f"{LABELLED}/labels.parquet"),
        unmirrored=features_of("unmirrored"),
        mirrored=features_of("mirrored"),
    output:
        predictions=f"{PROBE}/predictions.parquet",
        heads=f"{PROBE}/heads.h5",
        features=f"{PROBE}/features.h5",
    log:
        f"{LABELLED_LOGS}/probe/probe.log",
    benchmark:
        f"{LABELLED_LOGS}/probe/probe.benchmark.tsv"
    wildcard_constraints:
        task="|".join(
            re.escape(name) for name in TRAINED if TASKS[name]["kind"] != "orientation"
        )
        or "-",
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(8 * 60),
    params:
        kind=of_task("kind"),
        folds=of_task("folds"),
        dimensions=config["probe"]["dimensions"],
        strengths=config["probe"]["strengths"],
        heads=config["probe"]["heads"],
        code=fingerprint("probe.py"),
    script:
        "../workflow/scripts/probe.py"
