# Which labels of an archive are wrong: every label ranked, a probability sample of the images drawn
# and shown to readers.


# Every label that is given, the most suspicious first, before anybody reads.
rule ranking_before:
    input:
        content=audited("content.sha256"),
        known=audited("known.sha256"),
        labels=ancient(audited("labels.parquet")),
        predictions=audited("predictions.parquet"),
        scores=audited("scores/{score}.parquet"),
    output:
        ranking=f"{AUDIT}/ranking-before.parquet",
        csv=f"{AUDIT}/ranking-before.csv",
    log:
        f"{AUDIT_LOGS}/ranking_before.log",
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=growing(4000),
    params:
        by=config["audit"]["by"],
        score=config["audit"]["score"],
        code=fingerprint("ranking_before.py"),
    script:
        "../workflow/scripts/ranking_before.py"


# The strata and one random number an image. Where there is a design, no rule makes it: what people
# read rests on it, so neither a new network nor new code may change it, nor --forceall.
if not os.path.exists(f"{DESIGN}/design.parquet".format(task=AUDITED_TASK)):

    rule design:
        input:
            ranking=ancient(f"{AUDIT}/ranking-before.parquet"),
        output:
            design=protected(f"{DESIGN}/design.parquet"),
        log:
            f"{DESIGN_LOGS}/design.log",
        conda:
            "../envs/tables.yaml"
        resources:
            mem_mb=growing(4000),
        params:
            draw=config["audit"]["draw"],
            first=config["audit"]["first"],
            seed=int(SEEDS[0]),
            name=config["audit"]["design"],
            by=config["audit"]["by"],
            score=config["audit"]["score"],
            code=fingerprint("design.py"),
        script:
            "../workflow/scripts/design.py"


# The images to read, and how exact the count will be for so many images.
rule sample:
    input:
        design=f"{DESIGN}/design.parquet",
        ranking=ancient(f"{AUDIT}/ranking-before.parquet"),
    output:
        sample=f"{DESIGN}/sample.parquet",
        csv=f"{DESIGN}/sample.csv",
        plan=f"{DESIGN}/plan.csv",
    log:
        f"{DESIGN_LOGS}/sample.log",
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=growing(4000),
    params:
        images=config["audit"]["images"],
        suspicious=config["audit"]["suspicious"],
        choice={key: config["audit"][key] for key in ("draw", "first")},
        code=fingerprint("sample.py"),
    script:
        "../workflow/scripts/sample.py"


# The cases of the reading room: what the experimenter knows, and what readers may see.
rule audit_study:
    input:
        design=f"{DESIGN}/design.parquet",
        sample=f"{DESIGN}/sample.parquet",
        labels=ancient(audited("labels.parquet")),
        index=ancient(f"{INDEX}.parquet"),
        digest=f"{INDEX}.sha256",
        sources=ancient(list(SOURCES.values())),
    output:
        key=f"{DESIGN}/key.parquet",
        study=f"{DESIGN}/study/study.json",
        images=directory(f"{DESIGN}/study/images"),
    log:
        f"{DESIGN_LOGS}/audit_study.log",
    conda:
        "../envs/images.yaml"
    resources:
        runtime=growing(120),
    params:
        kind=of_task("kind"),
        design=config["audit"]["design"],
        repeats=config["audit"]["repeats"],
        seed=int(SEEDS[0]),
        sources=list(SOURCES),
        code=fingerprint("audit_study.py"),
    script:
        "../workflow/scripts/audit_study.py"


# How exact a larger sample would be, by what was read.
rule plan:
    input:
        design=f"{DESIGN}/design.parquet",
        ranking=f"{AUDIT}/ranking.parquet",
    output:
        plan=f"{DESIGN}/plan-after.csv",
    log:
        f"{DESIGN_LOGS}/plan.log",
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=growing(4000),
    params:
        images=config["audit"]["images"],
        code=fingerprint("plan.py"),
    script:
        "../workflow/scripts/plan.py"
