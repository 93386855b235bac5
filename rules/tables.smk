PAPER_TABLE1 = f"{workflow.basedir}/config/paper-table1.csv"
BESIDE_PAPER = config["dataset"] == "ChestXRay14"


# Confidence, uncertainty, their groups and the verdict (A or B) of each test image of one run.
rule scores:
    input:
        labels=f"{RUN}/labels.parquet",
        predictions=f"{RUN}/predictions.parquet",
        mcbn=f"{RUN}/mcbn.h5",
    output:
        scores=f"{RUN}/scores.parquet",
    log:
        f"{RUN_LOGS}/scores.log",
    conda:
        "../envs/tables.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(15),
    params:
        confidence=config["measures"]["confidence"],
        groups=config["measures"]["groups"],
        sd_factor=config["measures"]["sd_factor"],
        code=fingerprint("scores.py"),
    script:
        "../workflow/scripts/scores.py"


# Table 1: the errors of all runs, counted per noise level, and printed beside the paper's.
rule table1:
    input:
        scores=expand(f"{RUN}/scores.parquet", task="situs", noise=LEVELS, seed=SEEDS),
        paper=PAPER_TABLE1,
    output:
        table=f"{RESULTS}/table1.csv",
        by_seed=f"{RESULTS}/table1_by_seed.csv",
        markdown=f"{RESULTS}/table1.md",
        html=report(
            f"{RESULTS}/table1.html",
            caption="../workflow/report/table1.rst",
            category="Situs inversus",
            labels={"result": "Table 1", "format": "table"},
        ),
    log:
        f"{RESULTS}/logs/table1.log",
    conda:
        "../envs/tables.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(15),
    params:
        noise=[float(noise) for noise in LEVELS for _ in SEEDS],
        seeds=[int(seed) for _ in LEVELS for seed in SEEDS],
        dataset=config["dataset"],
        beside_paper=BESIDE_PAPER,
        samples=config["uncertainty"]["samples"],
        batch_size=config["uncertainty"]["batch_size"],
        confidence=config["measures"]["confidence"],
        groups=config["measures"]["groups"],
        sd_factor=config["measures"]["sd_factor"],
        code=fingerprint("table1.py"),
    script:
        "../workflow/scripts/table1.py"


# What Table 1 says, drawn: accuracy against noise, and the share of label errors per group.
rule figure_situs:
    input:
        by_seed=f"{RESULTS}/table1_by_seed.csv",
        paper=PAPER_TABLE1,
    output:
        svg=report(
            f"{RESULTS}/figures/situs.svg",
            caption="../workflow/report/figure_situs.rst",
            category="Situs inversus",
            labels={"result": "Accuracy and label errors", "format": "figure"},
        ),
        png=f"{RESULTS}/figures/situs.png",
    log:
        f"{RESULTS}/logs/figure_situs.log",
    conda:
        "../envs/tables.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(15),
    params:
        dataset=config["dataset"],
        beside_paper=BESIDE_PAPER,
        code=fingerprint("figure_situs.py"),
    script:
        "../workflow/scripts/figure_situs.py"
