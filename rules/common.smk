# What all rules share: the checked configuration, and the names that follow from it.

import os
import sys
from pathlib import Path

# Jobs share the cores by their `threads`; NumPy's BLAS would let each take all of them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, f"{workflow.basedir}/workflow/scripts")

from snakemake.exceptions import WorkflowError

from cxrnoise import chestxray14, cohorts, settings
from cxrnoise.errors import UserError
from cxrnoise.provenance import fingerprint

try:
    settings.validate(config, f"{workflow.basedir}/workflow/schemas/config.schema.yaml")
    IMAGES = config["images"]
    METADATA = config["metadata"]
    RESULTS = config["results"]
    if "phantom" in config:
        PARTS = [f"{part + 1:03d}" for part in range(config["phantom"]["parts"])]
        SOURCES = {f"images_{part}": f"{IMAGES}/images_{part}/images" for part in PARTS}
        PA_IMAGES = config["phantom"]["pa_images"]
    else:
        SOURCES = chestxray14.sources(IMAGES)
        PA_IMAGES = chestxray14.count_pa(METADATA)
except UserError as error:
    raise WorkflowError(str(error)) from None

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
