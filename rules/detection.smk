# How well each score finds wrong labels, where it is known which are wrong.

DETECTED = f"{RESULTS}/{{task}}/noise-{{noise}}/detection/{{by}}-{{truth}}"

READS = f"{RESULTS}/{{task}}/reads-{{truth}}.parquet"


# What readers say of the labels of a task. It needs the cohort alone and comes as early as it can, so
# that a file that does not fit is said while the first networks begin to train, not after the last.
rule reads:
    input:
        reads=lambda wildcards: readers(wildcards).get("file", []),
        cohort=ancient(f"{RESULTS}/{{task}}/cohort-{SEEDS[0]}.parquet"),
    output:
        reads=READS,
    log:
        f"{RESULTS}/logs/{{task}}/reads-{{truth}}.log",
    priority: 100
    conda:
        "../envs/tables.yaml"
    params:
        code=fingerprint("reads.py"),
    script:
        "../workflow/scripts/reads.py"


# The measures of every score of a task at one noise, over the seeds, by one truth.
rule detect:
    input:
        content=of_seeds("content.sha256"),
        known=of_seeds("known.sha256"),
        labels=ancient(of_seeds("labels.parquet")),
        scores=scores_of_seeds,
        reads=lambda wildcards: READS if readers(wildcards) else [],
    output:
        detection=f"{DETECTED}.csv",
        reviews=f"{DETECTED}.reviews.csv",
        readers=f"{DETECTED}.readers.csv",
    log:
        f"{RESULTS}/logs/{{task}}/noise-{{noise}}/detection/{{by}}-{{truth}}.log",
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=growing(4000),
    params:
        seeds=seeds_of,
        scores=lambda wildcards: detecting_scores(wildcards.task, wildcards.by),
        verdict=lambda wildcards: readers(wildcards).get("verdict"),
        code=fingerprint("detect.py"),
    script:
        "../workflow/scripts/detect.py"


# All of it, in one table each.
rule write_detection:
    input:
        detection=lambda wildcards: everything_detected(".csv"),
        reviews=lambda wildcards: everything_detected(".reviews.csv"),
        readers=lambda wildcards: everything_detected(".readers.csv"),
    output:
        detection=f"{RESULTS}/detection.csv",
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


# The numbers of detection as people read them: sentences, tables that sort, and curves.
rule detection_page:
    input:
        detection=f"{RESULTS}/detection.csv",
        reviews=f"{RESULTS}/reviews.csv",
        readers=f"{RESULTS}/readers.csv",
        templates=templates("detection", "sortable", "sections/detection"),
    output:
        html=report(
            f"{RESULTS}/detection.html",
            caption="../workflow/report/detection.rst",
            category="Detection",
            labels={
                "result": "How well each score finds wrong labels",
                "format": "page",
            },
        ),
        markdown=f"{RESULTS}/detection.md",
        svg=report(
            f"{RESULTS}/figures/detection.svg",
            caption="../workflow/report/figure_detection.rst",
            category="Detection",
            labels={"result": "Label accuracy after reviews", "format": "figure"},
        ),
        png=f"{RESULTS}/figures/detection.png",
    log:
        f"{RESULTS}/logs/detection_page.log",
    conda:
        "../envs/tables.yaml"
    params:
        dataset=NAME,
        phantoms=TRAINED if PHANTOM else [],
        code=fingerprint("detection_page.py"),
    script:
        "../workflow/scripts/detection_page.py"
