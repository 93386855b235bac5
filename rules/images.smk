ARCHIVES = [source for source, path in SOURCES.items() if chestxray14.is_archive(path)]


if ARCHIVES:

    # One streaming pass over an archive: what it holds, and its PA images reduced.
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
        threads: 1
        resources:
            mem_mb=growing(1000),
            runtime=growing(120),
        params:
            size=config["shards"]["size"],
            resampling=config["shards"]["resampling"],
            code=fingerprint("archive.py"),
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
        threads: 1
        resources:
            mem_mb=growing(1000),
            runtime=growing(120),
        params:
            code=fingerprint("listing.py"),
        script:
            "../workflow/scripts/listing.py"


# Files and metadata brought together. The report of those that do not agree is no output, which
# a failed job would lose, and no log, which Snakemake would print with all its lines.
rule index:
    input:
        listings=expand(f"{RESULTS}/images/listings/{{source}}.parquet", source=SOURCES),
        metadata=data_at_hand,
    output:
        index=f"{RESULTS}/images/index.parquet",
        digest=f"{RESULTS}/images/index.sha256",
    log:
        f"{RESULTS}/logs/images/index.log",
    conda:
        "../envs/images.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(15),
    params:
        images_per_shard=config["shards"]["images_per_shard"],
        tolerated=config["tolerated"],
        report=f"{RESULTS}/logs/images-report.csv",
        code=fingerprint("index.py"),
    script:
        "../workflow/scripts/index.py"


# The PA images of one shard, reduced. The index is large, so its digest tells of a change.
rule shard:
    input:
        index=ancient(f"{RESULTS}/images/index.parquet"),
        digest=f"{RESULTS}/images/index.sha256",
        pixels=ancient(
            expand(f"{RESULTS}/images/archives/{{source}}.h5", source=ARCHIVES)
        ),
    output:
        shard=f"{RESULTS}/images/shards/{{shard}}.h5",
        digest=f"{RESULTS}/images/shards/{{shard}}.sha256",
    log:
        f"{RESULTS}/logs/images/shards/{{shard}}.log",
    conda:
        "../envs/images.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        size=config["shards"]["size"],
        resampling=config["shards"]["resampling"],
        archives=ARCHIVES,
        code=fingerprint("shard.py"),
    script:
        "../workflow/scripts/shard.py"
