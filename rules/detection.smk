# How well each score finds wrong labels.

DETECTED = f"{RESULTS}/{{task}}/noise-{{noise}}/detection/{{by}}-{{truth}}"


# The measures of every score of a task at one noise, over the seeds, by one truth.
rule detect:
    input:
        content=of_seeds("content.sha256"),
        labels=ancient(of_seeds("labels.parquet")),
        scores=scores_of_seeds,
        reads=reads_of,
    output:
        numbers=f"{DETECTED}.csv",
        reviews=f"{DETECTED}-reviews.csv",
        readers=f"{DETECTED}-readers.csv",
    log:
        f"{RESULTS}/logs/{{task}}/noise-{{noise}}/detection/{{by}}-{{truth}}.log",
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=growing(4000),
    params:
        seeds=[int(seed) for seed in SEEDS],
        scores=lambda wildcards: detecting_scores(wildcards.task, wildcards.by),
        verdict=lambda wildcards: reads(wildcards).get("verdict"),
        code=fingerprint("detect.py"),
    script:
        "../workflow/scripts/detect.py"


# All of it, in one table each.
rule write_detection:
    input:
        numbers=lambda wildcards: everything_detected(".csv"),
        reviews=lambda wildcards: everything_detected("-reviews.csv"),
        readers=lambda wildcards: everything_detected("-readers.csv"),
    output:
        numbers=f"{RESULTS}/detection.csv",
        reviews=f"{RESULTS}/reviews.csv",
        readers=f"{RESULTS}/readers.csv",
    log:
        f"{RESULTS}/logs/detection.log",
    conda:
        "../envs/tables.yaml"
    params:
        code=fingerprint("detection.py"),
    script:
        "../workflow/scripts/detection.py"
