# How suspicious each label is, and what a disagreement of the network with it means.


# The prediction beside the given and the true label, and whether a disagreement is an error of the
# label (A) or of the network (B).
rule verdicts:
    input:
        content=labelled("content.sha256"),
        known=labelled("known.sha256"),
        labels=ancient(labelled("labels.parquet")),
        predictions=f"{RUN}/predictions.parquet",
        mcbn=samples_of,
    output:
        verdicts=f"{RUN}/verdicts.parquet",
    log:
        f"{RUN_LOGS}/verdicts.log",
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=growing(2000),
    params:
        splits=judged_splits,
        code=fingerprint("verdicts.py"),
    script:
        "../workflow/scripts/verdicts.py"


# One score of every judged label of a run, from the inputs that the score needs.
rule score:
    input:
        content=labelled("content.sha256"),
        known=labelled("known.sha256"),
        labels=ancient(labelled("labels.parquet")),
        predictions=f"{RUN}/predictions.parquet",
        samples=samples_for_score,
        members=for_score("members"),
        augmented=for_score("augmented"),
        dropout=for_score("dropout"),
        features=for_score("features"),
        dynamics=for_score("dynamics"),
    output:
        scores=f"{RUN}/scores/{{score}}.parquet",
    log:
        f"{RUN_LOGS}/scores/{{score}}.log",
    wildcard_constraints:
        part=parts.SCORED,
        score="|".join(name for name in SCORES if name not in BY_CLEANLAB),
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=growing(2000),
    params:
        splits=judged_splits,
        score="{score}",
        confidence_from=config["measures"]["confidence"],
        groups=lambda wildcards: (
            "test-quantiles"
            if wildcards.task in IMPORTED or wildcards.part
            else config["measures"]["groups"]
        ),
        sd_factor=config["measures"]["sd_factor"],
        code=lambda wildcards: fingerprint(
            "score.py", f"cxrnoise.scores.{wildcards.score}"
        ),
    script:
        "../workflow/scripts/score.py"


# The same for the scores of cleanlab, which has an environment of its own.
use rule score as score_by_cleanlab with:
    wildcard_constraints:
        part=parts.SCORED,
        score="|".join(BY_CLEANLAB),
    conda:
        "../envs/cleanlab.yaml"
