# ChestXRay14 and the weights from the network, and whether the files that are there are right.
# All of it runs where Snakemake runs: compute nodes may have no internet access.

RELEASED = DATASET == "chestxray14"
# The places of ChestXRay14's files; those that may be written, and those that can be read.
PLACES = downloads.places(FILES.values(), IMAGES, METADATA) if RELEASED else {}
OURS = [name for name, path in PLACES.items() if downloads.ours(path.parent)]
THERE = {
    name: found for name, path in PLACES.items() if (found := downloads.there(path))
}
# What the table has no checksums of (folders, other archives, metadata of another name) is checked
# by reading every image.
DATA = {Path(path) for path in [*SOURCES.values(), METADATA] if os.path.exists(path)}
UNKNOWN = DATA - set(THERE.values()) if RELEASED else DATA
BY_INDEX = not PHANTOM and (bool(UNKNOWN) or not RELEASED)
# What the paper's run needs and is not there, and whether it may be fetched.
NEEDED = {Path(METADATA)} if RELEASED else set()
if not UNKNOWN - NEEDED:
    NEEDED |= {PLACES[name] for name in PLACES if FILES[name].kind == downloads.ARCHIVE}
FETCHED = {PLACES[name] for name in OURS}
LACKING = {str(path): path in FETCHED for path in sorted(NEEDED) if not path.exists()}
RECEIPT = f"{RESULTS}/downloads/{{file}}.json"


wildcard_constraints:
    file="|".join(map(re.escape, PLACES)) or "-",


# One file. The output is a receipt, because Snakemake deletes the output of a job that failed, and
# half an archive is worth keeping.
rule download_file:
    output:
        receipt=RECEIPT,
    log:
        f"{RESULTS}/logs/downloads/{{file}}.log",
    localrule: True
    conda:
        "../envs/images.yaml"
    resources:
        runtime=24 * 60,
        downloads=1,
    params:
        path=lambda wildcards: str(PLACES[wildcards.file]),
        checksums=lambda wildcards: list(FILES[wildcards.file].checksums),
        table=untracked(FILES_TABLE),
    script:
        "../workflow/scripts/download_file.py"


# All that the paper's run needs and is not there.
rule download:
    input:
        receipts=expand(RECEIPT, file=OURS),
        weights=lambda wildcards: WEIGHTS_FILE if WEIGHTS == "imagenet" else [],
    log:
        f"{RESULTS}/logs/download.log",
    localrule: True
    conda:
        "../envs/images.yaml"
    params:
        dataset=NAME,
        places={name: str(path) for name, path in PLACES.items()},
        ours=OURS,
        table=untracked(FILES_TABLE),
        lacking=[path for path, fetched in LACKING.items() if not fetched],
    script:
        "../workflow/scripts/download.py"


# The checksum of one file that is there, right or wrong.
rule verify_file:
    input:
        file=lambda wildcards: THERE[wildcards.file],
    output:
        verdict=f"{RESULTS}/verified/{{file}}.json",
    log:
        f"{RESULTS}/logs/verified/{{file}}.log",
    localrule: True
    conda:
        "../envs/images.yaml"
    params:
        checksums=lambda wildcards: list(FILES[wildcards.file].checksums),
    script:
        "../workflow/scripts/verify_file.py"


# Whether the data set is whole.
rule verify:
    input:
        verdicts=expand(f"{RESULTS}/verified/{{file}}.json", file=THERE),
        index=f"{RESULTS}/images/index.parquet" if BY_INDEX else [],
    log:
        f"{RESULTS}/logs/verify.log",
    localrule: True
    conda:
        "../envs/images.yaml"
    params:
        dataset=NAME,
        absent=LACKING,
    script:
        "../workflow/scripts/verify.py"
