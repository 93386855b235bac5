# The observer study: the disagreements that are read, what readers say of them, and Table 2; and what
# readers say of the sample of an audit.

from cxrnoise.reading import sources

READINGS = config["readings"]
SIMULATED = READINGS == sources.SIMULATED
FINDING_RUN = f"{RESULTS}/{FINDING}/noise-0/seed-{{seed}}"
FINDING_LOGS = f"{RESULTS}/logs/{FINDING}/noise-0/seed-{{seed}}"
STUDY = f"{FINDING_RUN}/study"
STUDIED_RUN = FINDING_RUN.format(seed=SEEDS[0])  # whose disagreements make Table 2
ROOM_READINGS = f"{FINDING_RUN}/readings.csv"
PAPER_TABLE2 = f"{PROJECT}/config/paper-table2.csv"
PAPER_NUMBERS = f"{PROJECT}/config/paper-numbers.csv"
# A file of expert reads confines the draw to the images that it covers; the job looks into it.
IS_FILE = READINGS not in (sources.ROOM, sources.SIMULATED)
READ_BEFORE = READINGS if IS_FILE and config["study"]["among"] == "readings" else []


# The cases, and their images: what the experimenter knows, and what readers may see.
rule study:
    input:
        verdicts=f"{FINDING_RUN}/verdicts.parquet",
        predictions=f"{FINDING_RUN}/predictions.parquet",
        confidence=f"{FINDING_RUN}/scores/confidence.parquet",
        uncertainty=f"{FINDING_RUN}/scores/uncertainty.parquet",
        index=ancient(f"{INDEX}.parquet"),
        digest=f"{INDEX}.sha256",
        sources=ancient(list(SOURCES.values())),
        reads=READ_BEFORE,
    output:
        key=f"{FINDING_RUN}/key.parquet",
        study=f"{STUDY}/study.json",
        images=directory(f"{STUDY}/images"),
    log:
        f"{FINDING_LOGS}/study.log",
    conda:
        "../envs/images.yaml"
    resources:
        runtime=growing(120),
    params:
        finding=config["finding"],
        options={
            key: config["study"][key]
            for key in ("cases", "draw", "by", "strata", "controls", "repeats")
        },
        sources=list(SOURCES),
        code=fingerprint("study.py"),
    script:
        "../workflow/scripts/study.py"


# What readers say: those of the reading room, those of a file, or simulated ones.
rule readings:
    input:
        key=f"{FINDING_RUN}/key.parquet",
        readings=lambda wildcards: sources.at_hand(
            READINGS, ROOM_READINGS.format(**wildcards)
        ),
        truth=f"{Path(METADATA).parent}/truth.csv" if SIMULATED else [],
    output:
        readings=f"{FINDING_RUN}/readings.parquet",
    log:
        f"{FINDING_LOGS}/readings.log",
    conda:
        "../envs/tables.yaml"
    params:
        finding=config["finding"],
        source=sources.ROOM if READINGS == sources.ROOM else sources.FILE,
        simulation=config["simulated_reader"] if SIMULATED else None,
        study=STUDY,
        expected=ROOM_READINGS,
        code=fingerprint("readings.py"),
    script:
        "../workflow/scripts/readings.py"


AUDIT_READINGS = config["audit"]["readings"]
AUDIT_SIMULATED = AUDIT_READINGS == sources.SIMULATED


# What readers say of all findings, or of the class, of the images of an audit.
rule audit_readings:
    input:
        key=lambda wildcards: (
            f"{DESIGN}/sample.parquet"
            if wildcards.task in IMPORTED
            else f"{DESIGN}/key.parquet"
        ),
        labels=ancient(audited("labels.parquet")),
        readings=lambda wildcards: sources.at_hand(
            AUDIT_READINGS, f"{DESIGN}/readings.csv".format(**wildcards)
        ),
        truth=f"{Path(METADATA).parent}/truth.csv" if AUDIT_SIMULATED else [],
    output:
        readings=f"{DESIGN}/readings.parquet",
    log:
        f"{DESIGN_LOGS}/audit_readings.log",
    conda:
        "../envs/tables.yaml"
    params:
        with_images=lambda wildcards: wildcards.task not in IMPORTED,
        design=config["audit"]["design"],
        source=sources.ROOM if AUDIT_READINGS == sources.ROOM else sources.FILE,
        simulation=config["simulated_reader"] if AUDIT_SIMULATED else None,
        study=f"{DESIGN}/study",
        expected=f"{DESIGN}/readings.csv",
        code=fingerprint("audit_readings.py"),
    script:
        "../workflow/scripts/audit_readings.py"


# Table 2: errors of the labels and of the model according to the readers, by group.
rule write_table2:
    input:
        key=f"{STUDIED_RUN}/key.parquet",
        readings=f"{STUDIED_RUN}/readings.parquet",
        reads=READ_BEFORE,
        paper=PAPER_TABLE2,
        templates=templates("table2", "sections/table2"),
    output:
        table=f"{RESULTS}/table2.csv",
        statistics=f"{RESULTS}/table2_statistics.csv",
        markdown=f"{RESULTS}/table2.md",
        html=report(
            f"{RESULTS}/table2.html",
            caption="../workflow/report/table2.rst",
            category="Finding",
            labels={"result": "Table 2", "format": "table"},
        ),
    log:
        f"{RESULTS}/logs/table2.log",
    conda:
        "../envs/tables.yaml"
    params:
        dataset=NAME,
        finding=config["finding"],
        seed=int(SEEDS[0]),
        groups=config["measures"]["groups"],
        sd_factor=config["measures"]["sd_factor"],
        beside_paper=BESIDE_PAPER and FINDING == "emphysema",
        code=fingerprint("table2.py"),
    script:
        "../workflow/scripts/table2.py"


# What the network's classifier is given of the cases and of the training positives.
rule features:
    input:
        model=f"{FINDING_RUN}/model.keras",
        content=f"{FINDING_RUN}/content.sha256",
        labels=ancient(f"{FINDING_RUN}/labels.parquet"),
        key=f"{FINDING_RUN}/key.parquet",
        shards=ancient(SHARD_FILES),
        digests=ancient(SHARD_DIGESTS),
    output:
        features=f"{FINDING_RUN}/features.h5",
    log:
        f"{FINDING_LOGS}/features.log",
    conda:
        "../envs/training.yaml"
    threads: config["network"]["threads"]
    resources:
        mem_mb=growing(4000),
    params:
        kind="finding",
        crop=TASKS[FINDING]["crop"],
        batch_size=config["uncertainty"]["predict_batch_size"],
        threads=config["network"]["threads"],
        code=fingerprint("features.py"),
    script:
        "../workflow/scripts/features.py"


# Radiographs of a confident, certain model: where readers agreed with it, where they agreed with
# the label, and the training positives that are most like the latter.
rule draw_cases:
    input:
        key=f"{STUDIED_RUN}/key.parquet",
        readings=f"{STUDIED_RUN}/readings.parquet",
        features=f"{STUDIED_RUN}/features.h5",
        index=ancient(f"{INDEX}.parquet"),
        digest=f"{INDEX}.sha256",
        sources=ancient(list(SOURCES.values())),
    output:
        overturned=report(
            f"{RESULTS}/figures/cases-1.png",
            caption="../workflow/report/figure_cases.rst",
            category="Finding",
            labels={"result": "Figure 1: label overturned", "format": "figure"},
        ),
        confirmed=report(
            f"{RESULTS}/figures/cases-2.png",
            caption="../workflow/report/figure_cases.rst",
            category="Finding",
            labels={"result": "Figure 2: label confirmed", "format": "figure"},
        ),
        nearest=report(
            f"{RESULTS}/figures/cases-3.png",
            caption="../workflow/report/figure_cases.rst",
            category="Finding",
            labels={"result": "Figure 3: training images", "format": "figure"},
        ),
    log:
        f"{RESULTS}/logs/figure_cases.log",
    conda:
        "../envs/tables.yaml"
    resources:
        runtime=growing(120),
    params:
        finding=config["finding"],
        seed=int(SEEDS[0]),
        sources=list(SOURCES),
        code=fingerprint("figure_cases.py"),
    script:
        "../workflow/scripts/figure_cases.py"


HAS_READINGS = SIMULATED or bool(
    sources.at_hand(READINGS, ROOM_READINGS.format(seed=SEEDS[0]))
)
TABLE2 = [
    f"{RESULTS}/table2.csv",
    *(f"{RESULTS}/figures/cases-{number}.png" for number in (1, 2, 3)),
]
MADE = {
    "table1": f"{RESULTS}/table1.csv",
    "intervals": f"{RESULTS}/table1_intervals.csv",
    "cohort": f"{RESULTS}/situs/cohort-{SEEDS[0]}.parquet",
    "evaluation": f"{STUDIED_RUN}/evaluation.csv",
    "labels": f"{STUDIED_RUN}/labels.parquet",
}
if HAS_READINGS:
    MADE["table2"] = f"{RESULTS}/table2.csv"
    MADE["statistics"] = f"{RESULTS}/table2_statistics.csv"


# Every number of the paper beside ours; those of Table 2 once there are readings.
rule paper_vs_ours:
    input:
        **MADE,
        paper_table1=PAPER_TABLE1,
        paper_table2=PAPER_TABLE2,
        paper_numbers=PAPER_NUMBERS,
        templates=templates("paper_vs_ours", "sections/paper"),
    output:
        csv=f"{RESULTS}/paper-vs-ours.csv",
        html=report(
            f"{RESULTS}/paper-vs-ours.html",
            caption="../workflow/report/paper_vs_ours.rst",
            category="Paper",
            labels={"result": "The paper and this run", "format": "table"},
        ),
    log:
        f"{RESULTS}/logs/paper_vs_ours.log",
    conda:
        "../envs/tables.yaml"
    params:
        settings=settings.stated(config, PAPER_NUMBERS),
        dataset=NAME,
        finding=config["finding"],
        simulated=SIMULATED,
        code=fingerprint("paper_vs_ours.py"),
    script:
        "../workflow/scripts/paper_vs_ours.py"
