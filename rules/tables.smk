# What the scores add up to: Table 1 and its figure, and how well a network finds what labels say.

PAPER_TABLE1 = f"{PROJECT}/config/paper-table1.csv"
BESIDE_PAPER = DATASET == "chestxray14" and NAME == "ChestXRay14"


# `table1.csv` is about symmetric noise, `table1-patient.csv` about the noise model `patient`.
wildcard_constraints:
    model="|".join(f"-{model}" if model != SYMMETRIC else "" for model in MODELS),


# The errors of all runs, counted per noise level, and printed beside the paper's.
rule write_table1:
    input:
        verdicts=situs_runs("verdicts.parquet"),
        confidence=situs_runs("scores/confidence.parquet"),
        uncertainty=situs_runs("scores/uncertainty.parquet"),
        cohorts=ancient(expand(f"{RESULTS}/situs/cohort-{{seed}}.parquet", seed=SEEDS)),
        paper=PAPER_TABLE1,
        templates=templates("table1", "sections/table1"),
    output:
        table=f"{RESULTS}/table1{{model}}.csv",
        by_seed=f"{RESULTS}/table1_by_seed{{model}}.csv",
        intervals=f"{RESULTS}/table1_intervals{{model}}.csv",
        markdown=f"{RESULTS}/table1{{model}}.md",
        html=report(
            f"{RESULTS}/table1{{model}}.html",
            caption="../workflow/report/table1.rst",
            category="Situs inversus",
            labels={"result": "Table 1", "format": "table"},
        ),
    log:
        f"{RESULTS}/logs/table1{{model}}.log",
    conda:
        "../envs/tables.yaml"
    params:
        noise=[level for level in TASKS["situs"]["noise_levels"] for _ in SEEDS],
        seeds=[int(seed) for _ in TASKS["situs"]["noise_levels"] for seed in SEEDS],
        dataset=NAME,
        beside_paper=lambda wildcards: BESIDE_PAPER and of_model(wildcards) == SYMMETRIC,
        samples=config["uncertainty"]["samples"],
        batch_size=config["uncertainty"]["batch_size"],
        confidence_from=config["measures"]["confidence"],
        noise_model=of_model,
        groups=config["measures"]["groups"],
        sd_factor=config["measures"]["sd_factor"],
        code=fingerprint("table1.py"),
    script:
        "../workflow/scripts/table1.py"


# What Table 1 says, drawn: accuracy against noise, and the share of label errors per group.
rule draw_situs:
    input:
        by_seed=f"{RESULTS}/table1_by_seed{{model}}.csv",
        intervals=f"{RESULTS}/table1_intervals{{model}}.csv",
        paper=PAPER_TABLE1,
    output:
        svg=report(
            f"{RESULTS}/figures/situs{{model}}.svg",
            caption="../workflow/report/figure_situs.rst",
            category="Situs inversus",
            labels={"result": "Accuracy and label errors", "format": "figure"},
        ),
        png=f"{RESULTS}/figures/situs{{model}}.png",
    log:
        f"{RESULTS}/logs/figure_situs{{model}}.log",
    conda:
        "../envs/tables.yaml"
    params:
        dataset=NAME,
        beside_paper=lambda wildcards: BESIDE_PAPER and of_model(wildcards) == SYMMETRIC,
        code=fingerprint("figure_situs.py"),
    script:
        "../workflow/scripts/figure_situs.py"


EVALUATED = f"{RESULTS}/{{task}}/noise-0/seed-{{seed}}{{part}}"


# AUC, accuracy and the rest of one run without added noise, with intervals, and their curves.
rule evaluate:
    input:
        content=f"{EVALUATED}/content.sha256",
        known=f"{EVALUATED}/known.sha256",
        labels=ancient(f"{EVALUATED}/labels.parquet"),
        predictions=f"{EVALUATED}/predictions.parquet",
    output:
        table=f"{EVALUATED}/evaluation.csv",
        svg=report(
            f"{RESULTS}/figures/{{task}}-seed-{{seed}}{{part}}.svg",
            caption="../workflow/report/evaluation.rst",
            category="Finding",
            labels={"result": "Evaluation", "format": "figure"},
        ),
        png=f"{RESULTS}/figures/{{task}}-seed-{{seed}}{{part}}.png",
    log:
        f"{RESULTS}/logs/{{task}}/noise-0/seed-{{seed}}{{part}}/evaluate.log",
    wildcard_constraints:
        part=parts.WHOLE,
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=growing(2000),
    params:
        what=lambda wildcards: TASKS[wildcards.task].get("finding") or wildcards.task,
        dataset=NAME,
        code=fingerprint("evaluate.py"),
    script:
        "../workflow/scripts/evaluate.py"
