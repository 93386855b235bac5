# How suspicious each label is, and what a disagreement of the network with it means.


# The prediction beside the given and the true label, and whether a disagreement is an error of the
# label (A) or of the network (B).
rule verdicts:
    input:
        content=f"{RUN}/content.sha256",
        labels=ancient(f"{RUN}/labels.parquet"),
        predictions=f"{RUN}/predictions.parquet",
        samples=lambda wildcards: (
            [] if wildcards.task in IMPORTED else f"{RUN}/mcbn.h5"
        ),
    output:
        verdicts=f"{RUN}/verdicts.parquet",
    log:
        f"{RUN_LOGS}/verdicts.log",
    conda:
        "../envs/tables.yaml"
    params:
        splits=predicted_splits,
        code=fingerprint("verdicts.py"),
    script:
        "../workflow/scripts/verdicts.py"


# One score of every predicted label of a run. Its inputs are those that it needs.
rule score:
    input:
        content=f"{RUN}/content.sha256",
        labels=ancient(f"{RUN}/labels.parquet"),
        predictions=f"{RUN}/predictions.parquet",
        samples=lambda wildcards: (
            f"{RUN}/mcbn.h5" if "samples" in SCORES[wildcards.score].NEEDS else []
        ),
    output:
        score=f"{RUN}/scores/{{score}}.parquet",
    log:
        f"{RUN_LOGS}/scores/{{score}}.log",
    conda:
        "../envs/tables.yaml"
    params:
        code=lambda wildcards: fingerprint(
            "score.py", f"cxrnoise.scores.{wildcards.score}"
        ),
    script:
        "../workflow/scripts/score.py"
