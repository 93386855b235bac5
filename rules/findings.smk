# How well a network finds what the reports say, for a task whose truth nobody knows.
FINDING_RUN = f"{RESULTS}/{FINDING}/noise-0/seed-{{seed}}"


# AUC, accuracy and the rest of one run, with intervals, and their curves.
rule evaluate:
    input:
        labels=f"{FINDING_RUN}/labels.parquet",
        predictions=f"{FINDING_RUN}/predictions.parquet",
    output:
        table=f"{FINDING_RUN}/evaluation.csv",
        svg=report(
            f"{RESULTS}/figures/{FINDING}-seed-{{seed}}.svg",
            caption="../workflow/report/evaluation.rst",
            category="Finding",
            labels={"result": "Evaluation", "format": "figure"},
        ),
        png=f"{RESULTS}/figures/{FINDING}-seed-{{seed}}.png",
    log:
        f"{RESULTS}/logs/{FINDING}/noise-0/seed-{{seed}}/evaluate.log",
    conda:
        "../envs/tables.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        finding=config["finding"],
        dataset=config["dataset"],
        code=fingerprint("evaluate.py"),
    script:
        "../workflow/scripts/evaluate.py"
