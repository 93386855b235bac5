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


wildcard_constraints:
    task=f"situs|{FINDING}",
    noise=r"\d+(\.\d+)?",
    seed=r"\d+",
    shard=r"\d\d\d+",
    source=r"[^/]+",
