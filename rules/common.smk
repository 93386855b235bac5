# What all rules share: the checked configuration, and the names that follow from it.

import os
import re
import sys
from pathlib import Path

# The folder of this project, also where another Snakefile uses it as a module.
PROJECT = Path(str(workflow.current_basedir)).parent
# Jobs share the cores by their `threads`; NumPy's BLAS would let each take all of them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, f"{PROJECT}/workflow/scripts")

from cxrnoise.core import allocator, backbones, failures, jobs, parts, settings
from cxrnoise.core.errors import UserError
from cxrnoise.core.fingerprint import fingerprint
from cxrnoise.core.randomness import token
from cxrnoise.core.settings.defaults import PAPER_TASKS
from cxrnoise.datasets import downloads, folders
from cxrnoise.datasets.registry import DATASETS
from cxrnoise.report.sections.registry import SECTIONS
from cxrnoise.scores.registry import SCORES
from cxrnoise.scores.run import FEWEST_EPOCHS, PARTS
from cxrnoise.tasks.noise.registry import MODELS

jobs.end_with_this_process()
failed = failures.Failures()
logger.addHandler(failed)
shell.prefix(allocator.shell_prefix())
try:
    config.update(settings.validate(config).model_dump())
    DATASETS.check(config["dataset"]["kind"])
    for task in config["tasks"].values():
        for model in task["noise_models"]:
            MODELS.check(model)
    SCORES.check(config["audit"]["score"])
    if config["report"]["sections"] != "auto":
        for section in config["report"]["sections"]:
            SECTIONS.check(section)
    for options in config["detection"].values():
        for score in options["scores"] if options["scores"] != "all" else ():
            SCORES.check(score)
    IMAGES, METADATA, RESULTS = (
        config[key] for key in ("images", "metadata", "results")
    )
    FILES_TABLE = config["downloads"]
    if FILES_TABLE == "nih":
        FILES_TABLE = f"{PROJECT}/config/chestxray14-files.csv"
    FILES = downloads.read(FILES_TABLE)
except UserError as error:
    sys.exit(str(error))

DATASET, NAME = config["dataset"]["kind"], config["dataset"]["name"]
# How a table of your own is read: its columns, and the cells of its findings.
COLUMNS = {
    key: config["table"][key]
    for key in ("image", "patient", "view", "suffix")
    if DATASET == "table"
}
CELLS = {key: config["table"][key] for key in ("uncertain", "empty", "words")}
PHANTOM = DATASET == "phantom"
TASKS = config["tasks"]
SEEDS = [str(seed) for seed in config["seeds"]]
BACKBONE = config["network"]["backbone"]
FINDING = settings.slug(config["finding"])  # the task of Table 2

# Where the images are. What is missing is said when a job asks for it, since `download` needs none.
SOURCES, NO_IMAGES = {}, ""
if PHANTOM:
    FOLDERS = [f"{part + 1:03d}" for part in range(config["phantom"]["parts"])]
    SOURCES = {f"images_{part}": f"{IMAGES}/images_{part}/images" for part in FOLDERS}
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

TEMPLATES_FOLDER = f"{PROJECT}/workflow/scripts/cxrnoise/report/templates"

SHARDS = [f"{number:03d}" for number in range(config["shards"]["number"])]
SHARD = f"{RESULTS}/images/shards/{{shard}}"
SHARD_FILES = expand(f"{SHARD}.h5", shard=SHARDS)
SHARD_DIGESTS = expand(f"{SHARD}.sha256", shard=SHARDS)
INDEX = f"{RESULTS}/images/index"
# The labels of a run, and its networks: what `part` can be is in `core/parts.py`.
LABELLED = f"{RESULTS}/{{task}}/noise-{{noise}}/seed-{{seed}}"
LABELLED_LOGS = f"{RESULTS}/logs/{{task}}/noise-{{noise}}/seed-{{seed}}"
RUN = f"{LABELLED}{{part}}"
RUN_LOGS = f"{LABELLED_LOGS}{{part}}"
BY_CLEANLAB = [name for name in SCORES if name.startswith("cleanlab_")]
PARTS_OF_RUN = {
    "augmented": "augmented.h5",
    "dropout": "dropout.h5",
    "features": "features.h5",
    "dynamics": "dynamics.parquet",
}
# The noise of a run in its path: `8` is 8 % of symmetric noise, `patient-8` is 8 % of the model
# `patient`.
SYMMETRIC = "symmetric"
# `corrected-0` in place of a noise: the labels without noise, with `corrections` laid over them.
CORRECTED_NOISE = "corrected-0"
# The features of a frozen network, and the probe, a classifier on them. `network` is `pretrained`,
# or a task of kind `orientation` and its seed; `shown` says whether images are
# mirrored.
PRETRAINED = "pretrained"
FEATURES = f"{RESULTS}/features/{{network}}/{{shown}}-{{crop}}/{{shard}}.h5"
PROBE = f"{LABELLED}/probe"
# The audit of a task: what was known before anybody read, and below the name of its design what
# people read.
AUDIT = f"{RESULTS}/{{task}}/audit"
AUDIT_LOGS = f"{RESULTS}/logs/{{task}}/audit"
DESIGN = f"{AUDIT}/design-{config['audit']['design']}"
DESIGN_LOGS = f"{AUDIT_LOGS}/design-{config['audit']['design']}"
AUDITED_TASK = config["audit"]["task"]
IMPORTED = [name for name, task in TASKS.items() if task["kind"] == "predictions"]
TRAINED = [name for name in TASKS if name not in IMPORTED]


def noises(task, model=None, levels=None):
    """Return the noises of a task in paths, those of one model and some levels if they are named."""
    models = [model] if model else TASKS[task]["noise_models"]
    levels = [f"{level:g}" for level in levels or TASKS[task]["noise_levels"]]
    return [
        level if model == SYMMETRIC else f"{model}-{level}"
        for model in models
        for level in levels
    ]


def detected(task):
    """Return the noises of a task at which detection is measured, or end with a sentence.

    Their levels are those that the configuration names, else those above 0; and 0 where readers or
    the file of predictions know the truth.
    """
    options = config["detection"][task]
    known = options["truth"] or task in IMPORTED
    levels = options["levels"] or [
        level for level in TASKS[task]["noise_levels"] if level or known
    ]
    if not levels:
        sys.exit(
            f"Nobody knows which labels of the task {task} are wrong at the noise level 0: name "
            f"readers in detection.{task}.truth, or add a level above 0 to "
            f"tasks.{task}.noise_levels."
        )
    if not known and "test" not in TASKS[task]["noisy_splits"]:
        sys.exit(
            f"No label of the test split is flipped in the task {task}: add test to "
            f"tasks.{task}.noisy_splits."
        )
    found = noises(task, levels=levels)
    alike = noises(task, levels=[0])[1:]  # at level 0 all models are alike
    return [noise for noise in found if noise not in alike]


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
    return {key: task[key] for key in keys.split() if key in task} | CELLS


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


def to_make(files, others=list):
    """Return the files of a target.

    For `snakemake --report` they are those that have been made, of them and of what the function
    `others` returns.
    """
    if not any(word.partition("=")[0] == "--report" for word in sys.argv):
        return files
    return [path for path in [*files, *others()] if os.path.exists(path)] or files


def growing(amount):
    """Return a resource of which each new attempt of a job asks for more."""
    return lambda wildcards, attempt: attempt * amount


def labelled(name):
    """Return an input: a file beside the labels of a run; members share those of their run."""
    return lambda wildcards: (
        f"{LABELLED.format(**wildcards)}{parts.labelled(wildcards.part)}/{name}"
    )


def of_folds(name):
    """Return an input: a file of the run of each fold."""
    return lambda wildcards: [
        f"{LABELLED}/fold-{fold}{{member}}/{name}".format(**wildcards)
        for fold in range(TASKS[wildcards.task]["folds"])
    ]


def training_seed(wildcards):
    """Return the seed of initialisation, order and augmentation, another one for each member."""
    seed, member = int(wildcards.seed), parts.member(wildcards.part)
    return int(token(8, seed, "member", member), 16) if member else seed


def predicted_splits(wildcards):
    """Return the splits that are predicted.

    The validation split gives thresholds to findings and borders to groups. The task `orientation`
    looks at every file.
    """
    if "fold" in wildcards.part:
        return ["test"]
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
    every = TASKS[wildcards.task]["kind"] == "orientation" and not wildcards.part
    return ["train", "val", "test"] if every else ["test"]


def samples_of(wildcards):
    """Return an input: the Monte Carlo samples of a run, where it has them."""
    if wildcards.task in IMPORTED:
        return []
    by_probe = wildcards.part == parts.OF["probe"]
    return f"{RUN}/heads.h5" if by_probe else f"{RUN}/mcbn.h5"


def samples_for_score(wildcards):
    """Return an input: the samples of a run, where they are needed for the score of the job."""
    needed = "samples" in SCORES[wildcards.score].NEEDS
    by_mean = config["measures"]["confidence"] == "mc-mean"
    return samples_of(wildcards) if needed or by_mean else []


def for_score(need):
    """Return an input: a part of a run that the score of the job needs, else nothing."""

    def files(wildcards):
        if need not in SCORES[wildcards.score].NEEDS:
            return []
        if need == "members":
            others = parts.others(TASKS[wildcards.task].get("members", 1))
            return [f"{RUN}{member}/predictions.parquet" for member in others]
        return f"{RUN}/{PARTS_OF_RUN[need]}"

    return files


def lacking(task, by):
    """Return the parts that a run lacks, by whose predictions are judged."""
    if task in IMPORTED:
        return set(PARTS)
    if by == "probe":
        return set(PARTS) - {"samples", "features"}
    options = TASKS[task]
    there = {
        "members": options["members"] > 1,
        "dropout": backbones.has_dropout(BACKBONE),
        "dynamics": by == "folds" and options["training"]["epochs"] >= FEWEST_EPOCHS,
        "features": False,
    }
    return {part for part, has in there.items() if not has}


def detecting_scores(task, by):
    """Return the scores of which detection is measured: those named, or all that a run can have.

    cleanlab's scores, which need an environment of their own, are measured where they are named.
    Ends with a sentence where a run lacks what a named score needs.
    """
    named = config["detection"][task]["scores"]
    without = lacking(task, by)
    missing = {
        score: without & set(SCORES[score].NEEDS)
        for score in (SCORES if named == "all" else named)
    }
    if named == "all":
        return [
            score for score in SCORES if not missing[score] and score not in BY_CLEANLAB
        ]
    for score, lacked in missing.items():
        for part in lacked:
            sys.exit(
                f"The score {score} in detection.{task}.scores needs {part}, which the run by "
                f"{by} does not have: {PARTS[part]}."
            )
    return named


def seeds_of(wildcards):
    """Return the seeds of a task; the predictions of another program are the same for all."""
    return SEEDS[:1] if wildcards.task in IMPORTED else SEEDS


def scores_of_seeds(wildcards):
    """Return an input: the scores of the run of each seed, seed by seed."""
    return [
        f"{LABELLED}{parts.OF[wildcards.by]}/scores/{score}.parquet".format(
            task=wildcards.task, noise=wildcards.noise, seed=seed
        )
        for seed in seeds_of(wildcards)
        for score in detecting_scores(wildcards.task, wildcards.by)
    ]


def readers(wildcards):
    """Return the readers who say what is true; nothing where the data set knows it itself."""
    return config["detection"][wildcards.task]["truth"].get(wildcards.truth, {})


def everything_detected(ending):
    """Return the files of all measurements of detection that the configuration asks for."""
    return [
        f"{RESULTS}/{task}/noise-{noise}/detection/{by}-{truth}{ending}"
        for task, options in config["detection"].items()
        for noise in detected(task)
        for by in options["by"]
        for truth in options["truth"] or ["labels"]
    ]


def of_seeds(path):
    """Return an input: a file of the run of each seed, `{part}` by whose predictions are judged."""
    return lambda wildcards: expand(
        f"{LABELLED}{parts.OF[wildcards.by]}/{path}",
        task=wildcards.task,
        noise=wildcards.noise,
        seed=seeds_of(wildcards),
    )


def templates(page, *further):
    """Return the templates of a page; the first is its own."""
    return [
        f"{TEMPLATES_FOLDER}/{name}.html" for name in (page, "base", "scroll", *further)
    ]


def of_model(wildcards):
    """Return the noise model of a Table 1."""
    return wildcards.model.removeprefix("-") or SYMMETRIC


def situs_runs(path):
    """Return an input: a file of every situs run of the noise model of a Table 1."""
    return lambda wildcards: expand(
        f"{LABELLED}/{path}",
        task="situs",
        noise=noises("situs", of_model(wildcards)),
        seed=SEEDS,
    )


def network_of_features(wildcards):
    """Return an input: the weights of the frozen network, or end with a sentence without any."""
    if wildcards.network != PRETRAINED:
        task, _, seed = wildcards.network.rpartition("-")
        return f"{RESULTS}/{task}/noise-0/seed-{seed}/model.keras"
    if not WEIGHTS_FILE:
        sys.exit(
            "The probe needs a trained network, but weights is none: set weights to imagenet or to "
            "a file, or probe.network to a task of kind orientation."
        )
    return WEIGHTS_FILE[0]


def features_of(shown):
    """Return an input: the features of all shards for the probe of a run, mirrored or not."""

    def files(wildcards):
        task = TASKS[wildcards.task]
        if shown == "mirrored" and task["kind"] != "situs":
            return []
        network = config["probe"]["network"]
        if network != PRETRAINED:
            network = f"{network}-{wildcards.seed}"
        return expand(
            FEATURES, network=network, shown=shown, crop=task["crop"], shard=SHARDS
        )

    return files


def probed(wildcards):
    """Return an input: what the probe of the clean labels predicts, where the noise needs it."""
    if noise_model(wildcards) != "instance":
        return []
    return f"{PROBE}/predictions.parquet".format(**{**wildcards, "noise": 0})


def swept_runs(path):
    """Return an input: a file of the runs of the sweeps, where it has one, for each batch size."""

    def of_sweeps(wildcards):
        sweeps = config["sweeps"]
        if sweeps["task"] not in TRAINED:
            sys.exit(
                f"The configuration key sweeps.task is {sweeps['task']}, but the tasks with a "
                f"network are {', '.join(TRAINED)}: name one of them."
            )
        if sweeps["noise"] not in noises(sweeps["task"]):
            sys.exit(
                f"The configuration key sweeps.noise is {sweeps['noise']}, but the noises of "
                f"{sweeps['task']} are {', '.join(noises(sweeps['task']))}: name one of them."
            )
        return expand(
            f"{LABELLED}/{path}",
            task=sweeps["task"],
            noise=sweeps["noise"],
            seed=SEEDS,
            batch=sweeps["batch_sizes"] if "{batch}" in path else "",
        )

    return of_sweeps


def audited(path):
    """Return an input: a file of the run whose labels are audited, `{score}` of the audit's score.

    Ends with a sentence where the run lacks what the score needs.
    """

    def file(wildcards):
        by, score = config["audit"]["by"], config["audit"]["score"]
        for part in lacking(wildcards.task, by) & set(SCORES[score].NEEDS):
            sys.exit(
                f"The configuration key audit.score is {score}, which needs {part}, and the run of "
                f"{wildcards.task} does not have them: {PARTS[part]}."
            )
        part = "" if wildcards.task in IMPORTED else parts.OF[by]
        return f"{LABELLED}{part}/{path}".format(
            task=wildcards.task, noise=0, seed=SEEDS[0], score=score
        )

    return file


def of_audit(files):
    """Return an input: files of the audited task, or end with a sentence where none is named."""

    def found(wildcards):
        if AUDITED_TASK is None:
            sys.exit(
                "No task is audited: name the task whose labels people read in the configuration "
                "key audit.task."
            )
        return to_make([path.format(task=AUDITED_TASK) for path in files])

    return found


def once_read(files):
    """Return an input like `of_audit`, or end with a sentence where nobody has read the sample."""

    def found(wildcards):
        made, folder = of_audit(files)(wildcards), DESIGN.format(task=AUDITED_TASK)
        named, exported = config["audit"]["readings"], f"{folder}/readings.csv"
        readings = sources.at_hand(named, exported)
        if readings and not os.path.exists(readings):
            sys.exit(
                f"The readings {readings} in audit.readings are missing: check the path."
            )
        if readings or named == sources.SIMULATED:
            return made
        if AUDITED_TASK in IMPORTED:
            sys.exit(
                f"Nobody has read the sample of the audit yet: make {folder}/sample.csv (target "
                "audit-sample), let people read its images, and name the file of their readings in "
                "audit.readings."
            )
        first = "make it (target audit-sample), "
        sys.exit(sources.unread(f"{folder}/study", exported, first))

    return found


def retrained(path, noise=CORRECTED_NOISE):
    """Return an input: a file of the run that corrected labels are compared with, or of its twin.

    It is the probe, or the network of the splits; nothing where nothing can be trained, or nothing
    is corrected.
    """

    def files(wildcards):
        if config["corrections"] is None or wildcards.task in IMPORTED:
            return []
        part = parts.OF["probe"] if config["audit"]["by"] == "probe" else ""
        run = LABELLED.format(task=wildcards.task, noise=noise, seed=SEEDS[0])
        return f"{run}{part}/{path}"

    return files


def corrections_at_hand(wildcards):
    """Return the table of corrections, or end with a sentence where there is none."""
    named, made = config["corrections"], f"{AUDIT}/corrections.csv"
    if named is None:
        sys.exit(
            "A run on corrected labels needs a table of corrections, but the configuration key "
            f"corrections is none: set it to a file, such as {made.format(**wildcards)}."
        )
    if not os.path.exists(named) and named != made.format(**wildcards):
        sys.exit(
            f"The corrections {named} in the configuration key corrections are missing: check the "
            "path."
        )
    return named


def features_of_archive(shown):
    """Return the features of all shards, unmirrored or mirrored, for the whole archive."""
    network = config["probe"]["network"]
    if network != PRETRAINED:
        network = f"{network}-{SEEDS[0]}"
    # The part that the paper shows for situs, 144 of 240 pixels: most letters are outside.
    crop = max(1, round(config["shards"]["size"] * 144 / 240))
    return expand(FEATURES, network=network, shown=shown, crop=crop, shard=SHARDS)


wildcard_constraints:
    task="|".join(map(re.escape, TASKS)),
    noise=r"([a-z_]+-)?\d+(\.\d+)?",
    seed=r"\d+",
    fold=r"\d+",
    part=parts.NETWORK,
    member=parts.MEMBER,
    by="|".join(parts.OF),
    truth="[A-Za-z0-9_-]+",
    batch=r"\d+",
    shard=r"\d\d\d+",
    source=r"[^/]+",
    score="|".join(SCORES),
