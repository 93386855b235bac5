# From folders or archives of radiographs to shards of reduced ones.

ARCHIVES = [source for source, path in SOURCES.items() if folders.is_archive(path)]
VIEWS = sorted({view for task in TASKS.values() for view in task.get("views") or []})


if ARCHIVES:

    # One streaming pass over an archive: what it holds, and its images of wanted views reduced.
    rule archive:
        input:
            archive=source_at_hand,
            metadata=METADATA,
        output:
            listing=f"{RESULTS}/images/listings/{{source}}.parquet",
            pixels=f"{RESULTS}/images/archives/{{source}}.h5",
        log:
            f"{RESULTS}/logs/images/listings/{{source}}.log",
        conda:
            "../envs/images.yaml"
        resources:
            runtime=growing(120),
        params:
            kind=DATASET,
            columns=COLUMNS,
            views=VIEWS,
            images=IMAGES,
            size=config["shards"]["size"],
            resampling=config["shards"]["resampling"],
            code=fingerprint("archive.py", f"cxrnoise.datasets.kinds.{DATASET}"),
        script:
            "../workflow/scripts/archive.py"

else:

    # What a folder holds: every image read once, to see that it is whole.
    rule listing:
        input:
            folder=source_at_hand,
        output:
            listing=f"{RESULTS}/images/listings/{{source}}.parquet",
        log:
            f"{RESULTS}/logs/images/listings/{{source}}.log",
        conda:
            "../envs/images.yaml"
        resources:
            runtime=growing(120),
        params:
            images=IMAGES,
            code=fingerprint("listing.py"),
        script:
            "../workflow/scripts/listing.py"


# Files and metadata brought together. It is a checkpoint, after which Snakemake compares the small
# digests: shards and cohorts whose images are as before are not made again. The report of images
# that are left out is no output, which a failed job would lose, and no log, which Snakemake would
# print with all its lines.
checkpoint index:
    input:
        listings=expand(f"{RESULTS}/images/listings/{{source}}.parquet", source=SOURCES),
        metadata=data_at_hand,
    output:
        index=f"{INDEX}.parquet",
        digest=f"{INDEX}.sha256",
        left_out=f"{RESULTS}/images/left-out.csv",
        contents=expand(f"{RESULTS}/images/contents/{{shard}}.txt", shard=SHARDS),
    log:
        f"{RESULTS}/logs/images/index.log",
    conda:
        "../envs/images.yaml"
    resources:
        mem_mb=growing(4000),
    params:
        kind=DATASET,
        columns=COLUMNS,
        views=VIEWS,
        number=config["shards"]["number"],
        tolerated=config["tolerated"],
        report=f"{RESULTS}/logs/images-report.csv",
        code=fingerprint("index.py", f"cxrnoise.datasets.kinds.{DATASET}"),
    script:
        "../workflow/scripts/index.py"


# The images of one shard, reduced.
rule shard:
    input:
        index=ancient(f"{INDEX}.parquet"),
        content=f"{RESULTS}/images/contents/{{shard}}.txt",
        pixels=ancient(
            expand(f"{RESULTS}/images/archives/{{source}}.h5", source=ARCHIVES)
        ),
    output:
        shard=f"{SHARD}.h5",
        digest=f"{SHARD}.sha256",
    log:
        f"{RESULTS}/logs/images/shards/{{shard}}.log",
    conda:
        "../envs/images.yaml"
    params:
        size=config["shards"]["size"],
        resampling=config["shards"]["resampling"],
        archives=ARCHIVES,
        report=f"{RESULTS}/logs/images/remarks/{{shard}}.csv",
        code=fingerprint("shard.py"),
    script:
        "../workflow/scripts/shard.py"


# The reduced images that are dark, bright or flat, for the report. Each job of `shard` lists its own
# among the logs, for whoever looks there; the report counts what the shards hold.
rule remarks:
    input:
        shards=ancient(SHARD_FILES),
        digests=SHARD_DIGESTS,
    output:
        remarks=f"{RESULTS}/images/remarks.csv",
    log:
        f"{RESULTS}/logs/images/remarks.log",
    conda:
        "../envs/tables.yaml"
    params:
        code=fingerprint("remarks.py"),
    script:
        "../workflow/scripts/remarks.py"
