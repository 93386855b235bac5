# What all rules share: the checked configuration, and the names that follow from it.

import os
import re
import sys
from pathlib import Path

# Jobs share the cores by their `threads`; NumPy's BLAS would let each take all of them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, f"{workflow.basedir}/workflow/scripts")

from snakemake.exceptions import WorkflowError

from cxrnoise.core import jobs, settings
from cxrnoise.core.errors import UserError
from cxrnoise.core.fingerprint import fingerprint
from cxrnoise.datasets import chestxray14, downloads
from cxrnoise.tasks import cohorts

jobs.end_with_this_process()
try:
    settings.validate(config, f"{workflow.basedir}/workflow/schemas/config.schema.yaml")
    IMAGES = config["images"]
    METADATA = config["metadata"]
    RESULTS = config["results"]
    FILES_TABLE = config["downloads"]
    if FILES_TABLE == "nih":
        FILES_TABLE = f"{workflow.basedir}/config/chestxray14-files.csv"
    FILES = downloads.read(FILES_TABLE)
except UserError as error:
    raise WorkflowError(str(error)) from None

PHANTOM = "phantom" in config
RELEASED = config["dataset"] == "ChestXRay14" and not PHANTOM
SOURCES, PA_IMAGES, NO_DATA = {}, 0, None
if PHANTOM:
    PARTS = [f"{part + 1:03d}" for part in range(config["phantom"]["parts"])]
    SOURCES = {f"images_{part}": f"{IMAGES}/images_{part}/images" for part in PARTS}
    PA_IMAGES = config["phantom"]["pa_images"]
else:
    try:
        SOURCES = chestxray14.sources(IMAGES)
        PA_IMAGES = chestxray14.count_pa(METADATA)
    except UserError as error:
        NO_DATA = str(error)
        if RELEASED and not (SOURCES and os.path.exists(METADATA)):
            NO_DATA += " `snakemake --cores 4 download` gets ChestXRay14."

SHARDS = [
    f"{number:03d}"
    for number in range(-(-PA_IMAGES // config["shards"]["images_per_shard"]))
]
SHARD_FILES = expand(f"{RESULTS}/images/shards/{{shard}}.h5", shard=SHARDS)
SHARD_DIGESTS = expand(f"{RESULTS}/images/shards/{{shard}}.sha256", shard=SHARDS)
LEVELS = [f"{level:g}" for level in config["noise_levels"]]
SEEDS = [str(seed) for seed in config["seeds"]]
FINDING = cohorts.slug(config["finding"])  # the second task; the first is situs
RUN = f"{RESULTS}/{{task}}/noise-{{noise}}/seed-{{seed}}"
RUN_LOGS = f"{RESULTS}/logs/{{task}}/noise-{{noise}}/seed-{{seed}}"


def data_at_hand(wildcards):
    """Return the metadata file; end with a sentence where there are no data.

    Not before it is asked for, as `download` and `verify` need no data; and not with an error,
    around which Snakemake would print a traceback.
    """
    if NO_DATA:
        sys.exit(NO_DATA)
    return METADATA


def source_at_hand(wildcards):
    """Return the folder or archive of a source; end with a sentence where there are no data."""
    data_at_hand(wildcards)
    return SOURCES[wildcards.source]


def receipts(wildcards):
    """Return the receipts of the files that may be fetched; that of a file that is gone is void."""
    for name in OURS:
        if not downloads.there(PLACES[name]):
            Path(RECEIPT.format(file=name)).unlink(missing_ok=True)
    return expand(RECEIPT, file=OURS)


def untracked(value):
    """Return a parameter that may change: functions of the output are not compared."""
    return lambda wildcards, output: value


def of_task(wildcards):
    """Return the configuration of a task."""
    return config["situs" if wildcards.task == "situs" else "findings"]


def cohort_draw(wildcards):
    """Return the keys that say who is in the cohort of a task."""
    task = of_task(wildcards)
    if wildcards.task == "situs":
        return {"splits": task["splits"]}
    draw = {"finding": config["finding"], "cohort": task["cohort"]}
    return draw | {"sizes": task["splits"], "positives": task["positives"]}


def held_out(wildcards):
    """Return the file that names the test images of a finding, if there is one."""
    named = wildcards.task != "situs" and config["findings"]["held_out"] != "none"
    return config["findings"]["held_out"] if named else []


def augmentation(wildcards):
    """Return how training images are varied: the mirrored ones of situs never are."""
    return None if wildcards.task == "situs" else config["findings"]["augmentation"]


def schedule(wildcards):
    """Return the keys of `training`, with what a finding has of its own."""
    return config["training"] | of_task(wildcards).get("training", {})


def growing(amount):
    """Return a resource of which each new attempt of a job asks for more."""
    return lambda wildcards, attempt: attempt * amount


def evaluated(wildcards):
    """Return the splits on which a network is judged; that of a finding has its threshold too."""
    by_validation = config["measures"]["groups"] == "val-quantiles"
    return ["val", "test"] if by_validation or wildcards.task != "situs" else ["test"]


wildcard_constraints:
    task=f"situs|{FINDING}",
    noise=r"\d+(\.\d+)?",
    seed=r"\d+",
    shard=r"\d\d\d+",
    source=r"[^/]+",
