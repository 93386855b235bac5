# How well each score finds wrong labels, where it is known which are wrong.


# The numbers of detection as people read them: sentences, tables that sort, and curves.
rule detection_page:
    input:
        detection=f"{RESULTS}/detection.csv",
        reviews=f"{RESULTS}/reviews.csv",
        readers=f"{RESULTS}/readers.csv",
        templates=templates("detection"),
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
