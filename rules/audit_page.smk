# The audit as people read it.


# How many labels are wrong, where, what to expect of the ranking, and what corrections change.
rule audit_page:
    input:
        counts=f"{AUDIT}/count.csv",
        agreement=f"{AUDIT}/agreement.csv",
        ranking=f"{AUDIT}/ranking.parquet",
        first=f"{AUDIT}/first.csv",
        corrections=f"{AUDIT}/corrections.csv",
        impact=f"{AUDIT}/impact.csv",
        figure=f"{RESULTS}/figures/{{task}}-impact.svg",
        sample=f"{DESIGN}/sample.parquet",
        readings=f"{DESIGN}/readings.parquet",
        verdicts=f"{DESIGN}/verdicts.parquet",
        templates=templates("audit", "audit_parts", "sortable"),
    output:
        html=report(
            f"{AUDIT}/audit.html",
            caption="../workflow/report/audit.rst",
            category="Audit",
            labels={"result": "Which labels are wrong", "format": "page"},
        ),
        markdown=f"{AUDIT}/audit.md",
    log:
        f"{AUDIT_LOGS}/audit_page.log",
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=growing(4000),
    params:
        dataset=NAME,
        phantoms=TRAINED if PHANTOM else [],
        verdict=config["audit"]["verdict"],
        code=fingerprint("audit_page.py"),
    script:
        "../workflow/scripts/audit_page.py"
