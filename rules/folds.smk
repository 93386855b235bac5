# The runs of all folds put together: every image of a cohort, predicted by the network that was not
# trained on its patient.

FOLDS_LOGS = f"{LABELLED_LOGS}/folds"


# The labels of the whole cohort, every image as one that is predicted, by networks or by the probe.
rule whole:
    input:
        content=f"{LABELLED}/content.sha256",
        known=f"{LABELLED}/known.sha256",
        labels=ancient(f"{LABELLED}/labels.parquet"),
    output:
        labels=f"{LABELLED}/{{whole}}/labels.parquet",
        content=f"{LABELLED}/{{whole}}/content.sha256",
        known=f"{LABELLED}/{{whole}}/known.sha256",
    log:
        f"{LABELLED_LOGS}/{{whole}}/whole.log",
    wildcard_constraints:
        whole="folds|probe",
    conda:
        "../envs/tables.yaml"
    params:
        code=fingerprint("whole.py"),
    script:
        "../workflow/scripts/whole.py"


# The predictions of all folds.
rule out_of_fold:
    input:
        of_folds("predictions.parquet"),
    output:
        f"{LABELLED}/folds{{member}}/predictions.parquet",
    log:
        f"{FOLDS_LOGS}{{member}}/predictions.log",
    conda:
        "../envs/tables.yaml"
    params:
        code=fingerprint("out_of_fold.py"),
    script:
        "../workflow/scripts/out_of_fold.py"


# The samples of all folds: Monte Carlo, augmented, or with dropout.
rule out_of_fold_samples:
    input:
        of_folds("{samples}.h5"),
    output:
        f"{LABELLED}/folds{{member}}/{{samples}}.h5",
    log:
        f"{FOLDS_LOGS}{{member}}/{{samples}}.log",
    wildcard_constraints:
        samples="mcbn|augmented|dropout",
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=growing(4000),
    params:
        code=fingerprint("out_of_fold_samples.py"),
    script:
        "../workflow/scripts/out_of_fold_samples.py"


# How each label was learned, over the networks that were trained on it.
rule out_of_fold_dynamics:
    input:
        of_folds("dynamics.parquet"),
    output:
        f"{LABELLED}/folds{{member}}/dynamics.parquet",
    log:
        f"{FOLDS_LOGS}{{member}}/dynamics.log",
    conda:
        "../envs/tables.yaml"
    params:
        code=fingerprint("out_of_fold_dynamics.py"),
    script:
        "../workflow/scripts/out_of_fold_dynamics.py"
