# What readers made of the sample: how many labels are wrong, and how far the readers agree.


# What is true of each label that was read. A repeated case only says how far a reader agrees with
# himself or herself.
rule audit_verdicts:
    input:
        readings=f"{DESIGN}/readings.parquet",
    output:
        verdicts=f"{DESIGN}/verdicts.parquet",
    log:
        f"{DESIGN_LOGS}/audit_verdicts.log",
    conda:
        "../envs/tables.yaml"
    params:
        verdict=config["audit"]["verdict"],
        code=fingerprint("audit_verdicts.py"),
    script:
        "../workflow/scripts/audit_verdicts.py"


# How many labels are wrong, by finding and direction, in all, and in parts of the archive.
rule count:
    input:
        content=audited("content.sha256"),
        known=audited("known.sha256"),
        labels=ancient(audited("labels.parquet")),
        design=f"{DESIGN}/design.parquet",
        sample=f"{DESIGN}/sample.parquet",
        readings=f"{DESIGN}/readings.parquet",
        verdicts=f"{DESIGN}/verdicts.parquet",
        ranking=f"{AUDIT}/ranking.parquet",
        index=ancient(of_images(f"{INDEX}.parquet")),
        digest=of_images(f"{INDEX}.sha256"),
    output:
        counts=f"{AUDIT}/count.csv",
        agreement=f"{AUDIT}/agreement.csv",
    log:
        f"{AUDIT_LOGS}/count.log",
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=growing(4000),
    params:
        columns=config["audit"]["columns"],
        code=fingerprint("count.py"),
    script:
        "../workflow/scripts/count.py"
