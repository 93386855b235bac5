# Which labels of a radiograph archive are wrong, and how much it matters.
# Table 1 of Calli et al., SPIE Medical Imaging 2019, from raw radiographs to results/table1.csv.

from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.current_basedir}/config/config.yaml"


report: "workflow/report/workflow.rst"


# Why a run failed is said last, below all that Snakemake says.
onerror:
    failed.say_at_the_end()


include: "rules/common.smk"
include: "rules/downloads.smk"
include: "rules/phantom.smk"
include: "rules/images.smk"
include: "rules/cohorts.smk"
include: "rules/training.smk"
include: "rules/probe.smk"
include: "rules/uncertainty.smk"
include: "rules/folds.smk"
include: "rules/scores.smk"
include: "rules/tables.smk"
include: "rules/sweeps.smk"
include: "rules/reading.smk"
include: "rules/detection.smk"
include: "rules/audit.smk"
include: "rules/counts.smk"
include: "rules/calibration.smk"
include: "rules/corrections.smk"
include: "rules/hanging.smk"
include: "rules/audit_page.smk"
include: "rules/reported.smk"
include: "rules/report.smk"


# Table 1, and Table 2 once there are readings.
rule all:
    default_target: True
    input:
        to_make(
            [f"{RESULTS}/table1.csv", f"{RESULTS}/figures/situs.svg"]
            + (TABLE2 if HAS_READINGS else []),
            others=pages,
        ),


# Situs inversus with label noise, a table and a figure per noise model.
rule table1:
    input:
        to_make(tables1("table1{}.csv") + tables1("figures/situs{}.svg")),


# A finding read by people.
rule table2:
    input:
        to_make([*TABLE2, f"{STUDIED_RUN}/evaluation.csv"]),


# How well each score finds wrong labels, as configured in `detection`.
rule detection:
    input:
        to_make(
            [
                f"{RESULTS}/detection.csv",
                f"{RESULTS}/readers.csv",
                f"{RESULTS}/detection.html",
                f"{RESULTS}/figures/detection.svg",
            ]
        ),


# Every label ranked, and the images to read, ready for the reading room.
rule audit_sample:
    name:
        "audit-sample"
    input:
        of_audit(
            [f"{AUDIT}/ranking-before.csv"]
            + [f"{DESIGN}/{file}" for file in ("sample.csv", "plan.csv")]
            + (
                []
                if AUDITED_TASK in IMPORTED
                else [f"{DESIGN}/key.parquet", f"{DESIGN}/study/study.json"]
            )
        ),


# How many labels are wrong and which, once people have read the sample.
rule audit:
    input:
        once_read(
            [
                *(
                    f"{AUDIT}/{file}.csv"
                    for file in (
                        "count",
                        "agreement",
                        "ranking",
                        "first",
                        "corrections",
                        "corrected-labels",
                        "impact",
                    )
                ),
                f"{DESIGN}/plan-after.csv",
                f"{AUDIT}/audit.html",
            ]
        ),
