# Who takes part in a task, and which labels they are given.


# Who is in train, val and test, and what is true of them, by the kind of the task.
rule cohort:
    input:
        index=of_images(ancient(f"{INDEX}.parquet")),
        digest=of_images(f"{INDEX}.sha256"),
        file=file_of_predictions,
        held_out=lambda wildcards: TASKS[wildcards.task].get("held_out") or [],
    output:
        cohort=f"{RESULTS}/{{task}}/cohort-{{seed}}.parquet",
        left_out=f"{RESULTS}/{{task}}/left-out-{{seed}}.csv",
    log:
        f"{RESULTS}/logs/{{task}}/cohort-{{seed}}.log",
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=growing(4000),
    params:
        kind=of_task("kind"),
        options=cohort_options,
        code=lambda wildcards: fingerprint(
            "cohort.py", f"cxrnoise.tasks.kinds.{TASKS[wildcards.task]['kind']}"
        ),
    script:
        "../workflow/scripts/cohort.py"


# The noisy labels of one run, how many were flipped, and two digests: of what a training depends on,
# labels and pixels of the cohort, and of all that is known of the labels, their truth and patients
# among it. It is a checkpoint, after which Snakemake compares these digests: where the first is as
# before, nothing is trained again, and where the second is, nothing is scored again.
checkpoint labels:
    input:
        cohort=f"{RESULTS}/{{task}}/cohort-{{seed}}.parquet",
        shards=of_images(ancient(SHARD_FILES)),
        digests=of_images(SHARD_DIGESTS),
        probed=probed,
    output:
        labels=f"{LABELLED}/labels.parquet",
        content=f"{LABELLED}/content.sha256",
        known=f"{LABELLED}/known.sha256",
        flips=f"{LABELLED}/flips.csv",
    log:
        f"{LABELLED_LOGS}/labels.log",
    wildcard_constraints:
        noise=rf"(({'|'.join(MODELS)})-)?\d+(\.\d+)?",
    conda:
        "../envs/tables.yaml"
    params:
        model=noise_model,
        level=noise_level,
        options=lambda wildcards: {
            "class_rates": TASKS[wildcards.task].get("class_rates")
        },
        noisy_splits=lambda wildcards: TASKS[wildcards.task].get("noisy_splits", []),
        code=lambda wildcards: fingerprint(
            "labels.py", f"cxrnoise.tasks.noise.{noise_model(wildcards)}"
        ),
    script:
        "../workflow/scripts/labels.py"


# The labels of one fold: its images are the test split, and the rest of the cohort trains and
# validates. A checkpoint for the same reason.
checkpoint fold:
    input:
        content=f"{LABELLED}/content.sha256",
        known=f"{LABELLED}/known.sha256",
        labels=ancient(f"{LABELLED}/labels.parquet"),
    output:
        labels=f"{LABELLED}/fold-{{fold}}/labels.parquet",
        content=f"{LABELLED}/fold-{{fold}}/content.sha256",
        known=f"{LABELLED}/fold-{{fold}}/known.sha256",
    log:
        f"{LABELLED_LOGS}/fold-{{fold}}/fold.log",
    conda:
        "../envs/tables.yaml"
    params:
        folds=of_task("folds"),
        code=fingerprint("fold.py"),
    script:
        "../workflow/scripts/fold.py"


if IMPORTED:

    # Out-of-fold probabilities that another program made, in place of a network's.
    rule imported:
        input:
            file=file_of_predictions,
        output:
            predictions=f"{RESULTS}/{{task}}/noise-0/seed-{{seed}}/predictions.parquet",
        log:
            f"{RESULTS}/logs/{{task}}/noise-0/seed-{{seed}}/imported.log",
        wildcard_constraints:
            task="|".join(map(re.escape, IMPORTED)),
        conda:
            "../envs/tables.yaml"
        params:
            options=CELLS,
            code=fingerprint("imported.py"),
        script:
            "../workflow/scripts/imported.py"
