# What all rules share: the checked configuration, and the names that follow from it.

import os
import re
import sys
from pathlib import Path

# Jobs share the cores by their `threads`; NumPy's BLAS would let each take all of them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, f"{workflow.basedir}/workflow/scripts")

from snakemake.exceptions import WorkflowError

from cxrnoise.core import allocator, jobs, settings
from cxrnoise.core.errors import UserError
from cxrnoise.core.fingerprint import fingerprint
from cxrnoise.datasets import downloads, folders
from cxrnoise.datasets.registry import DATASETS
from cxrnoise.scores.registry import SCORES
from cxrnoise.tasks.noise.registry import MODELS

jobs.end_with_this_process()
shell.prefix(allocator.shell_prefix())
try:
    config.update(settings.validate(config).model_dump())
    DATASETS.check(config["dataset"]["kind"])
    for task in config["tasks"].values():
        for model in task["noise_models"]:
            MODELS.check(model)
    IMAGES, METADATA, RESULTS = (
        config[key] for key in ("images", "metadata", "results")
    )
    FILES_TABLE = config["downloads"]
    if FILES_TABLE == "nih":
        FILES_TABLE = f"{workflow.basedir}/config/chestxray14-files.csv"
    FILES = downloads.read(FILES_TABLE)
except UserError as error:
    raise WorkflowError(str(error)) from None

DATASET, NAME = config["dataset"]["kind"], config["dataset"]["name"]
PHANTOM = DATASET == "phantom"
TASKS = config["tasks"]
SEEDS = [str(seed) for seed in config["seeds"]]
FINDING = settings.slug(config["finding"])  # the task of Table 2

# Where the images are. What is missing is said when a job asks for it, since `download` needs none.
SOURCES, NO_IMAGES = {}, ""
if PHANTOM:
    PARTS = [f"{part + 1:03d}" for part in range(config["phantom"]["parts"])]
    SOURCES = {f"images_{part}": f"{IMAGES}/images_{part}/images" for part in PARTS}
else:
    try:
        SOURCES = folders.sources(IMAGES)
    except UserError as error:
        NO_IMAGES = str(error)
if DATASET == "chestxray14" and not (SOURCES and os.path.exists(METADATA)):
    NO_IMAGES = (
        f"{NO_IMAGES or f'The metadata {METADATA} are missing.'} "
        "`snakemake --cores 4 download` gets ChestXRay14."
    )

TEMPLATES_FOLDER = f"{workflow.basedir}/workflow/scripts/cxrnoise/report/templates"

SHARDS = [f"{number:03d}" for number in range(config["shards"]["number"])]
SHARD = f"{RESULTS}/images/shards/{{shard}}"
SHARD_FILES = expand(f"{SHARD}.h5", shard=SHARDS)
SHARD_DIGESTS = expand(f"{SHARD}.sha256", shard=SHARDS)
INDEX = f"{RESULTS}/images/index"
RUN = f"{RESULTS}/{{task}}/noise-{{noise}}/seed-{{seed}}"
RUN_LOGS = f"{RESULTS}/logs/{{task}}/noise-{{noise}}/seed-{{seed}}"
# The noise of a run in its path: `8` is 8 % of symmetric noise, `patient-8` is 8 % of the model
# `patient`.
SYMMETRIC = "symmetric"
IMPORTED = [name for name, task in TASKS.items() if task["kind"] == "predictions"]
TRAINED = [name for name in TASKS if name not in IMPORTED]


def noises(task, model=None):
    """Return the noises of a task in paths, those of one model if it is named."""
    models = [model] if model else TASKS[task]["noise_models"]
    levels = [f"{level:g}" for level in TASKS[task]["noise_levels"]]
    return [
        level if model == SYMMETRIC else f"{model}-{level}"
        for model in models
        for level in levels
    ]


def noise_model(wildcards):
    """Return the noise model of a run."""
    model, _, level = wildcards.noise.rpartition("-")
    return model or SYMMETRIC


def noise_level(wildcards):
    """Return the noise level of a run in percent."""
    return float(wildcards.noise.rpartition("-")[2])


def of_task(key):
    """Return a parameter: a key of the task of the job."""
    return lambda wildcards: TASKS[wildcards.task].get(key)


def cohort_options(wildcards):
    """Return the keys of a task that say who is in its cohort and how labels are read."""
    task = TASKS[wildcards.task]
    keys = "views splits finding cohort held_out positives findings column file"
    return {key: task[key] for key in keys.split() if key in task} | config["table"]


def untracked(value):
    """Return a parameter that may change: functions of the output are not compared."""
    return lambda wildcards, output: value


def data_at_hand(wildcards):
    """Return the metadata file, or end with a sentence where there are no data.

    It ends without an exception, around which Snakemake would print a traceback.
    """
    if NO_IMAGES:
        sys.exit(NO_IMAGES)
    return METADATA


def source_at_hand(wildcards):
    """Return the folder or archive of a source, or end with a sentence where there is none."""
    data_at_hand(wildcards)
    return SOURCES[wildcards.source]


def to_make(files):
    """Return the files of a target; for `snakemake --report` those of them that have been made."""
    reporting = any(word.partition("=")[0] == "--report" for word in sys.argv)
    return [path for path in files if reporting and os.path.exists(path)] or files


def growing(amount):
    """Return a resource of which each new attempt of a job asks for more."""
    return lambda wildcards, attempt: attempt * amount


def predicted_splits(wildcards):
    """Return the splits that are predicted.

    The validation split gives thresholds to findings and borders to groups. The task `orientation`
    looks at every file.
    """
    kind = TASKS[wildcards.task]["kind"]
    if kind == "orientation":
        return ["train", "val", "test"]
    by_validation = config["measures"]["groups"] == "val-quantiles"
    return ["val", "test"] if by_validation or kind != "situs" else ["test"]


def of_images(files):
    """Return an input that a task has unless its predictions are from elsewhere."""
    return lambda wildcards: [] if wildcards.task in IMPORTED else files


def file_of_predictions(wildcards):
    """Return the file of a task whose predictions are from elsewhere, else nothing."""
    return TASKS[wildcards.task].get("file") or []


def judged_splits(wildcards):
    """Return the splits whose labels are judged: all where the task looks at every file."""
    every = TASKS[wildcards.task]["kind"] == "orientation"
    return ["train", "val", "test"] if every else ["test"]


def samples_if(needed):
    """Return an input: the Monte Carlo samples of a run, where it has them and they are needed."""
    return lambda wildcards: (
        f"{RUN}/mcbn.h5" if wildcards.task not in IMPORTED and needed(wildcards) else []
    )


def templates(page):
    """Return the templates of a page; the first is its own."""
    return [f"{TEMPLATES_FOLDER}/{name}.html" for name in (page, "base", "scroll")]


def of_model(wildcards):
    """Return the noise model of a Table 1."""
    return wildcards.model.removeprefix("-") or SYMMETRIC


def situs_runs(path):
    """Return an input: a file of every situs run of the noise model of a Table 1."""
    return lambda wildcards: expand(
        f"{RUN}/{path}",
        task="situs",
        noise=noises("situs", of_model(wildcards)),
        seed=SEEDS,
    )


def swept_runs(path):
    """Return an input: a file of the runs of the sweeps, where it has one, for each batch size."""

    def of_sweeps(wildcards):
        sweeps = config["sweeps"]
        if sweeps["task"] not in TRAINED:
            sys.exit(
                f"The configuration key sweeps.task is {sweeps['task']}, but the tasks with a "
                f"network are {', '.join(TRAINED)}: name one of them."
            )
        return expand(
            f"{RUN}/{path}",
            task=sweeps["task"],
            noise=sweeps["noise"],
            seed=SEEDS,
            batch=sweeps["batch_sizes"] if "{batch}" in path else "",
        )

    return of_sweeps


wildcard_constraints:
    task="|".join(map(re.escape, TASKS)),
    noise=r"([a-z_]+-)?\d+(\.\d+)?",
    seed=r"\d+",
    batch=r"\d+",
    shard=r"\d\d\d+",
    source=r"[^/]+",
    score="|".join(SCORES),
