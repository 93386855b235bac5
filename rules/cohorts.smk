# Who takes part, and which labels they are given.


# Situs: one PA image per patient, split at random, half of each split mirrored.
# A finding: all PA images, each patient in one split.
rule cohort:
    input:
        held_out=held_out,
        index=ancient(f"{RESULTS}/images/index.parquet"),
        digest=f"{RESULTS}/images/index.sha256",
    output:
        cohort=f"{RESULTS}/{{task}}/cohort-{{seed}}.parquet",
    log:
        f"{RESULTS}/logs/{{task}}/cohort-{{seed}}.log",
    conda:
        "../envs/tables.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        draw=cohort_draw,
        code=fingerprint("cohort.py"),
    script:
        "../workflow/scripts/cohort.py"


# The noisy labels of one level, and how many were flipped in each split.
rule labels:
    input:
        cohort=f"{RESULTS}/{{task}}/cohort-{{seed}}.parquet",
        index=ancient(f"{RESULTS}/images/index.parquet"),
        digest=f"{RESULTS}/images/index.sha256",
    output:
        labels=f"{RUN}/labels.parquet",
        flips=f"{RUN}/flips.csv",
    log:
        f"{RUN_LOGS}/labels.log",
    conda:
        "../envs/tables.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        noisy_splits=config["situs"]["noisy_splits"],
        code=fingerprint("labels.py"),
    script:
        "../workflow/scripts/labels.py"
