# The observer study: the disagreements that are read, what readers say of them, and Table 2.

from cxrnoise import readers

READINGS = config["readings"]
SIMULATED = READINGS == readers.SIMULATED
STUDY = f"{FINDING_RUN}/study"
STUDIED = {"seed": SEEDS[0]}  # the run whose disagreements are read
ROOM_READINGS = f"{FINDING_RUN}/readings.csv"
PAPER_TABLE2 = f"{workflow.basedir}/config/paper-table2.csv"


def read_before():
    """Return the file of expert reads to which the draw of the study is confined, if any."""
    named = READINGS not in (readers.ROOM, readers.SIMULATED)
    if not named or config["study"]["among"] == "all" or not os.path.exists(READINGS):
        return []
    try:
        return [READINGS] if readers.are_expert_reads(READINGS) else []
    except UserError as error:
        raise WorkflowError(str(error)) from None


def readings_file(wildcards):
    """Return the file of readings, or nothing where readers have not been to the room yet."""
    if SIMULATED:
        return []
    if READINGS != readers.ROOM:
        return READINGS
    exported = ROOM_READINGS.format(**wildcards)
    return exported if os.path.exists(exported) else []


READ_BEFORE = read_before()


# The cases, and their images: what the experimenter knows, and what readers may see.
rule study:
    input:
        scores=f"{FINDING_RUN}/scores.parquet",
        predictions=f"{FINDING_RUN}/predictions.parquet",
        index=ancient(f"{RESULTS}/images/index.parquet"),
        digest=f"{RESULTS}/images/index.sha256",
        sources=ancient(list(SOURCES.values())),
        reads=READ_BEFORE,
    output:
        key=f"{FINDING_RUN}/key.parquet",
        study=f"{STUDY}/study.json",
        images=directory(f"{STUDY}/images"),
    log:
        f"{RESULTS}/logs/{FINDING}/noise-0/seed-{{seed}}/study.log",
    conda:
        "../envs/tables.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=120,
    params:
        finding=config["finding"],
        options={
            key: config["study"][key]
            for key in ("cases", "draw", "by", "strata", "controls", "repeats")
        },
        sources=list(SOURCES),
        code=fingerprint("study", "chestxray14", "readers"),
    script:
        "../workflow/scripts/study.py"


# What readers say: those of the reading room, those of a file, or simulated ones.
rule readings:
    input:
        key=f"{FINDING_RUN}/key.parquet",
        readings=readings_file,
        truth=f"{Path(METADATA).parent}/truth.csv" if SIMULATED else [],
    output:
        readings=f"{FINDING_RUN}/readings.parquet",
    log:
        f"{RESULTS}/logs/{FINDING}/noise-0/seed-{{seed}}/readings.log",
    conda:
        "../envs/tables.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        finding=config["finding"],
        source=readers.ROOM if READINGS == readers.ROOM else readers.FILE,
        simulation=config["simulated_reader"] if SIMULATED else None,
        study=STUDY,
        expected=ROOM_READINGS,
        code=fingerprint("readers"),
    script:
        "../workflow/scripts/readings.py"


# Table 2: errors of the labels and of the model according to the readers, by group.
rule table2:
    input:
        key=expand(f"{FINDING_RUN}/key.parquet", **STUDIED),
        readings=expand(f"{FINDING_RUN}/readings.parquet", **STUDIED),
        paper=PAPER_TABLE2,
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
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        dataset=config["dataset"],
        finding=config["finding"],
        seed=int(SEEDS[0]),
        groups=config["measures"]["groups"],
        sd_factor=config["measures"]["sd_factor"],
        confined=bool(READ_BEFORE),
        beside_paper=BESIDE_PAPER and FINDING == "emphysema",
        code=fingerprint("table2", "readers"),
    script:
        "../workflow/scripts/table2.py"
