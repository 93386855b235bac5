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


# What a network's measured performance is by the given and by the corrected labels, and what
# training on the corrected ones changes.
rule impact:
    input:
        content=audited("content.sha256"),
        known=audited("known.sha256"),
        labels=ancient(audited("labels.parquet")),
        predictions=audited("predictions.parquet"),
        sample=f"{DESIGN}/sample.parquet",
        verdicts=f"{DESIGN}/verdicts.parquet",
        given_known=retrained("known.sha256", noise="0"),
        given=ancient(retrained("labels.parquet", noise="0")),
        before=retrained("predictions.parquet", noise="0"),
        corrected_known=retrained("known.sha256"),
        corrected=ancient(retrained("labels.parquet")),
        after=retrained("predictions.parquet"),
    output:
        table=f"{AUDIT}/impact.csv",
        svg=report(
            f"{RESULTS}/figures/{{task}}-impact.svg",
            caption="../workflow/report/impact.rst",
            category="Audit",
            labels={"result": "What corrected labels change", "format": "figure"},
        ),
        png=f"{RESULTS}/figures/{{task}}-impact.png",
    log:
        f"{AUDIT_LOGS}/impact.log",
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=growing(4000),
    params:
        seed=int(SEEDS[0]),
        out_of_fold=config["audit"]["by"] == "probe",
        dataset=NAME,
        phantoms=TRAINED if PHANTOM else [],
        simulated=config["audit"]["readings"] == sources.SIMULATED,
        code=fingerprint("impact.py"),
    script:
        "../workflow/scripts/impact.py"


# The evaluation of a run on corrected labels, against these labels.
use rule evaluate as evaluate_corrected with:
    input:
        content=f"{CORRECTED}{{part}}/content.sha256",
        known=f"{CORRECTED}{{part}}/known.sha256",
        labels=ancient(f"{CORRECTED}{{part}}/labels.parquet"),
        predictions=f"{CORRECTED}{{part}}/predictions.parquet",
    output:
        table=f"{CORRECTED}{{part}}/evaluation.csv",
        svg=f"{RESULTS}/figures/{{task}}-corrected-seed-{{seed}}{{part}}.svg",
        png=f"{RESULTS}/figures/{{task}}-corrected-seed-{{seed}}{{part}}.png",
    log:
        f"{CORRECTED_LOGS}{{part}}/evaluate.log",
