# The report: all that was made, in one file.

REPORTED = sections_of_report()


# One page that needs no other file.
rule report_page:
    input:
        unpack(files_of_report),
        templates=templates(
            "report",
            "audit_parts",
            "gallery",
            "sortable",
            *(f"sections/{section}" for section in REPORTED),
        ),
    output:
        html=report(
            f"{RESULTS}/report.html",
            caption="../workflow/report/report.rst",
            category="Report",
            labels={"result": "Labels of radiographs", "format": "page"},
        ),
    log:
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/logs/report.benchmark.tsv"
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=growing(2000),
    params:
        sections=REPORTED,
        dataset=NAME,
        phantom=PHANTOM,
        simulated=simulated_in_report(),
        config=config,
        defaults=settings.defaults(config).model_dump(),
        first=config["report"]["first"],
        pictures=config["report"]["pictures"],
        key=f"{RESULTS}/report-key.csv" if config["report"]["pseudonyms"] else None,
        code=fingerprint(
            "report.py",
            *(f"cxrnoise.report.sections.{section}" for section in REPORTED),
        ),
    script:
        "../workflow/scripts/report.py"


# Its sections are those of the configuration, and what they need is made.
rule whole_report:
    name:
        "report"
    input:
        f"{RESULTS}/report.html",
