# Labels that readers overturned, laid over the labels of the same cohort, and what it changes.

CORRECTED = LABELLED.replace("{noise}", CORRECTED_NOISE)
CORRECTED_LOGS = LABELLED_LOGS.replace("{noise}", CORRECTED_NOISE)
UNCORRECTED = LABELLED.replace("{noise}", "0")


# What readers overturned, and all labels with it for other programs.
rule corrections:
    input:
        content=audited("content.sha256"),
        known=audited("known.sha256"),
        labels=ancient(audited("labels.parquet")),
        verdicts=f"{DESIGN}/verdicts.parquet",
        index=of_images(ancient(f"{INDEX}.parquet")),
        digest=of_images(f"{INDEX}.sha256"),
    output:
        corrections=f"{AUDIT}/corrections.csv",
        labels=f"{AUDIT}/corrected-labels.csv",
    log:
        f"{AUDIT_LOGS}/corrections.log",
    conda:
        "../envs/tables.yaml"
    params:
        code=fingerprint("corrections.py"),
    script:
        "../workflow/scripts/corrections.py"


# The labels of a run without noise, with the corrections laid over them: the same cohort, splits
# and folds. A checkpoint for the same reason as `labels`.
checkpoint corrected:
    input:
        content=f"{UNCORRECTED}/content.sha256",
        known=f"{UNCORRECTED}/known.sha256",
        labels=ancient(f"{UNCORRECTED}/labels.parquet"),
        corrections=corrections_at_hand,
    output:
        labels=f"{CORRECTED}/labels.parquet",
        content=f"{CORRECTED}/content.sha256",
        known=f"{CORRECTED}/known.sha256",
    log:
        f"{CORRECTED_LOGS}/labels.log",
    conda:
        "../envs/tables.yaml"
    params:
        code=fingerprint("corrected.py"),
    script:
        "../workflow/scripts/corrected.py"
