# Which labels of a radiograph archive are wrong, and how much it matters.
# Table 1 of Calli et al., SPIE Medical Imaging 2019, from raw radiographs to results/table1.csv.

from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.basedir}/config/config.yaml"


report: "workflow/report/workflow.rst"


include: "rules/common.smk"
include: "rules/downloads.smk"
include: "rules/phantom.smk"
include: "rules/images.smk"
include: "rules/cohorts.smk"
include: "rules/training.smk"
include: "rules/uncertainty.smk"
include: "rules/findings.smk"
include: "rules/tables.smk"
include: "rules/reading.smk"


# Table 1 and its figure; Table 2 and its figures where there are readings.
rule all:
    default_target: True
    input:
        f"{RESULTS}/table1.csv",
        f"{RESULTS}/figures/situs.svg",
        READ_RESULTS,
