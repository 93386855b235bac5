# Files that hang wrongly, are there twice, or are unlike all others.

HANGING = f"{RESULTS}/hanging"
# How each file hangs: what the probe says, or out of fold the networks of a task.
if config["hanging"]["by"] == "probe":
    HUNG = f"{HANGING}/predictions.parquet"
else:
    HUNG = f"{RESULTS}/{config['hanging']['by']}/noise-0/seed-{SEEDS[0]}/folds/predictions.parquet"


# Ranked lists with pictures of the files that somebody should look at.
rule hanging:
    input:
        to_make([f"{RESULTS}/hanging.csv", f"{RESULTS}/hanging.html"]),


# How each image hangs, by linear classifiers that were shown turned copies of the images of other
# patients.
rule hanging_probe:
    input:
        index=ancient(f"{INDEX}.parquet"),
        digest=f"{INDEX}.sha256",
        shards=ancient(SHARD_FILES),
        digests=SHARD_DIGESTS,
        unmirrored=features_of_archive("unmirrored"),
        mirrored=features_of_archive("mirrored"),
    output:
        predictions=f"{HANGING}/predictions.parquet",
    log:
        f"{RESULTS}/logs/hanging/probe.log",
    benchmark:
        f"{RESULTS}/logs/hanging/probe.benchmark.tsv"
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        seed=int(SEEDS[0]),
        code=fingerprint("hanging_probe.py"),
    script:
        "../workflow/scripts/hanging_probe.py"


# The ranked lists.
rule hanging_lists:
    input:
        index=ancient(f"{INDEX}.parquet"),
        digest=f"{INDEX}.sha256",
        shards=ancient(SHARD_FILES),
        digests=SHARD_DIGESTS,
        unmirrored=features_of_archive("unmirrored"),
        predictions=HUNG,
    output:
        lists=f"{RESULTS}/hanging.csv",
    log:
        f"{RESULTS}/logs/hanging/lists.log",
    benchmark:
        f"{RESULTS}/logs/hanging/lists.benchmark.tsv"
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        seed=int(SEEDS[0]),
        first=config["hanging"]["first"],
        code=fingerprint("hanging_lists.py"),
    script:
        "../workflow/scripts/hanging_lists.py"


# The same as a page of pictures.
rule hanging_page:
    input:
        lists=f"{RESULTS}/hanging.csv",
        shards=ancient(SHARD_FILES),
        digests=SHARD_DIGESTS,
        templates=templates("hanging", "gallery", "sortable", "sections/hanging"),
    output:
        html=report(
            f"{RESULTS}/hanging.html",
            caption="../workflow/report/hanging.rst",
            category="Audit",
            labels={"result": "Files that hang wrongly", "format": "page"},
        ),
    log:
        f"{RESULTS}/logs/hanging/page.log",
    conda:
        "../envs/tables.yaml"
    params:
        dataset=NAME,
        phantom=PHANTOM,
        code=fingerprint("hanging_page.py"),
    script:
        "../workflow/scripts/hanging_page.py"
