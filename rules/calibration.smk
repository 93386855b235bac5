# How likely each label is wrong, once people have read the sample.


# The labels ranked by what the readers' verdicts teach, and how many of the first to expect wrong.
rule calibrate:
    input:
        ranking=f"{AUDIT}/ranking-before.parquet",
        sample=f"{DESIGN}/sample.parquet",
        verdicts=f"{DESIGN}/verdicts.parquet",
    output:
        ranking=f"{AUDIT}/ranking.parquet",
        csv=f"{AUDIT}/ranking.csv",
        first=f"{AUDIT}/first.csv",
    log:
        f"{AUDIT_LOGS}/calibrate.log",
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=growing(4000),
    params:
        seed=int(SEEDS[0]),
        code=fingerprint("calibrate.py"),
    script:
        "../workflow/scripts/calibrate.py"
