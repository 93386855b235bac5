"""What was found, turned into keys of the configuration, each with the number that it rests on."""

import logging
import math
import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.settings.defaults import PAPER_TASKS
from cxrnoise.core.settings.models import RESERVED
from cxrnoise.datasets import views
from cxrnoise.new import weights
from cxrnoise.new.survey import Survey
from cxrnoise.tasks import values
from cxrnoise.tasks.registry import KINDS

FRONTAL = ["PA", "AP"]
BEGINS = re.compile(r"(?i)(p\.? ?a|a\.? ?p)\.?(?![a-z])")
LEAST_PATIENTS = 6  # with a finding or class, and without it: two in each of three folds
MOST_FINDINGS = 20  # that somebody answers of one image
IMAGES_OF_A_SHARD = 500
MOST_SHARDS = 64
FOLDS = 5
READ, READ_OF_MANY, MANY = 150, 300, 2000  # images to read; of an archive of more than `MANY`
TOLERATED = 0.01  # of the images of an own archive may be damaged
MOST_THREADS = 8
LONGEST_NAME = 60  # of a task
SPLITS = {"train": 0.7, "val": 0.1, "test": 0.2}
# Where the rarest finding has few patients, val and test need larger parts to have some of them.
SPLITS_OF_FEW, FEW = {"train": 0.5, "val": 0.2, "test": 0.3}, 30


@dataclass(frozen=True)
class Task:
    """The task whose labels are audited.

    kind, name, views, splits, folds: keys of the task; labels: its findings, or its one column.
    images, patients: of its cohort; rarest, patients_of_rarest: the finding or class that fewest
        patients have, or lack.
    left_out: findings that cannot be audited, each with the reason.
    """

    kind: str
    name: str
    views: list[str]
    labels: list[str]
    splits: dict[str, float]
    folds: int
    images: int
    patients: int
    rarest: str
    patients_of_rarest: int
    left_out: dict[str, str]


@dataclass(frozen=True)
class Choices:
    """All that the template of the configuration needs besides the survey.

    empty: `table.empty`; shards: `shards.number`; read: `audit.images`; threads:
        `network.threads`; weights: a path or `imagenet`, and what is known of that file.
    paper: whether all of ChestXRay14 is there, so that the paper's splits can be made.
    """

    task: Task
    empty: str
    shards: int
    read: int
    tolerated: dict[str, int]
    threads: int
    weights: str
    known: weights.Known
    paper: bool


def choose(found: Survey, weights_file: str) -> Choices:
    """Choose the keys of a configuration that runs.

    Parameters
    ----------
    weights_file: the path of a file of weights, or "" for ImageNet's.

    Raises `UserError` where nothing can be audited.
    """
    empty = _empty(found)
    task = _task(found, empty)
    problems = found.problems
    share = 0 if found.kind == "chestxray14" else TOLERATED
    damaged = math.ceil(share * len(found.table))
    tolerated = {
        "missing": problems["missing"],
        "doubled": problems["doubled"],
        "truncated": max(damaged, problems["truncated"]),
        "unreadable": max(damaged, problems["unreadable"]),
    }
    return Choices(
        task=task,
        empty=empty,
        shards=min(MOST_SHARDS, math.ceil(len(found.table) / IMAGES_OF_A_SHARD)),
        read=min(READ_OF_MANY if task.images > MANY else READ, math.ceil(task.images / 2)),
        tolerated=tolerated,
        threads=min(MOST_THREADS, os.cpu_count() or 1),
        weights=weights_file or "imagenet",
        known=weights.look(weights_file) if weights_file else weights.Known(),
        paper=found.kind == "chestxray14" and len(found.table) == found.rows,
    )


def _empty(found: Survey) -> str:
    """Say what an empty cell means: absent, unless more cells say "absent" than are empty."""
    return "masked" if found.labels.absent > found.labels.empty > 0 else "absent"


def _task(found: Survey, empty: str) -> Task:
    used = used_views(found)
    images = found.table[found.table["view"].isin([*used, ""] if _unknown(found) else used)]
    images = images.reset_index(drop=True)
    if _unknown(found):
        images = images.assign(view="PA")
    if found.labels.findings:
        return _of_findings(found, images, used, empty)
    if len(found.labels.classes) == 1:
        return _of_classes(found, images, used)
    columns = ", ".join(map(repr, found.labels.classes or found.labels.others))
    if found.labels.classes:
        raise UserError(
            f"{len(found.labels.classes)} columns of {found.metadata} may be the classes, "
            f"{columns}: give one of them as ONLY=COLUMN."
        )
    raise UserError(
        f"No column of {found.metadata} has labels that are understood: a finding is 1 or 0, yes "
        f"or no or the like, one column a finding, and classes have a few different names; the "
        f"columns are {columns or 'none'}; if one of them has the labels, give it as "
        "ONLY=COLUMN."
    )


def _unknown(found: Survey) -> bool:
    """Whether the table has no view, so that only the files know it."""
    return found.kind == "table" and found.roles.view is None


def used_views(found: Survey) -> list[str]:
    """Return the frontal views that there are, or that DICOM files may have.

    A text that begins with AP or PA, such as "a.p. supine", is one too.
    Raises `UserError` where there is none.
    """
    if _unknown(found):
        return FRONTAL if found.folder.formats["DICOM"] else FRONTAL[:1]
    counted = views.counts(found.table)
    there = [view for view in FRONTAL if counted.get(view)]
    there += sorted(view for view in counted if view not in FRONTAL and BEGINS.match(view))
    if not there:
        said = ", ".join(f"{view} {number}" for view, number in counted.items())
        raise UserError(
            f"No image of {found.metadata} has the view PA or AP ({said}): write the views so."
        )
    return there


def _of_findings(found: Survey, images: pd.DataFrame, used: list[str], empty: str) -> Task:
    rules = ("masked", empty, found.labels.words)
    patients, left_out = {}, {}
    for name in found.labels.findings:
        reported = values.read(images, name, *rules)
        has, lacks = (
            images.loc[reported == value, "patient"].nunique()
            for value in (values.PRESENT, values.ABSENT)
        )
        fewest = min(has, lacks)
        patients[name] = fewest
        if fewest < LEAST_PATIENTS:
            which = "with" if has < lacks else "without"
            left_out[name] = f"{fewest} patients {which} it"
    kept = [name for name in patients if name not in left_out]
    for name in sorted(kept, key=patients.get)[: max(0, len(kept) - MOST_FINDINGS)]:
        left_out[name] = f"{patients[name]} patients with it, and {MOST_FINDINGS} others have more"
    kept = [name for name in kept if name not in left_out]
    while kept:
        rarest = min(kept, key=patients.get)
        kind = "findings" if len(kept) > 1 else "finding"
        name = "findings" if len(kept) > 1 else _name(kept[0], "finding")
        few = rarest, patients[rarest]
        task = _task_of(kind, name, list(kept), used, images, few, left_out)
        if _has_cohort(task, images, rules):
            return task
        kept.remove(rarest)
        left_out[rarest] = f"{patients[rarest]} patients, too few for three splits"
    raise UserError(
        f"No finding of {found.metadata} can be audited, because each needs {LEAST_PATIENTS} "
        f"patients with it and {LEAST_PATIENTS} without it: "
        + "; ".join(f"{name} has {reason}" for name, reason in left_out.items())
        + "."
    )


def _task_of(
    kind: str,
    name: str,
    labels: list[str],
    used: list[str],
    images: pd.DataFrame,
    rarest: tuple[str, int],
    left_out: Mapping[str, str],
) -> Task:
    """Return a task; `rarest` is the finding or class that fewest patients have, and how many."""
    rare, fewest = rarest
    return Task(
        kind=kind,
        name=name,
        views=used,
        labels=labels,
        splits=SPLITS_OF_FEW if fewest < FEW else SPLITS,
        folds=min(FOLDS, max(2, fewest // 2)),
        images=len(images),
        patients=images["patient"].nunique(),
        rarest=rare,
        patients_of_rarest=fewest,
        left_out=dict(left_out),
    )


def _name(column: str, otherwise: str) -> str:
    """Return the name of a column as that of a task, or `otherwise` where it cannot be one."""
    text = unicodedata.normalize("NFKD", column.casefold()).encode("ascii", "ignore").decode()
    name = re.sub("[^a-z0-9]+", "_", text).strip("_")[:LONGEST_NAME]
    return name if name[:1].isalpha() and name not in {*PAPER_TASKS, *RESERVED} else otherwise


def _of_classes(found: Survey, images: pd.DataFrame, used: list[str]) -> Task:
    [(column, _)] = found.labels.classes.items()
    labelled = images[images[column] != ""]
    patients = labelled.groupby(column)["patient"].nunique()
    rarest, fewest = patients.idxmin(), int(patients.min())
    name, few = _name(column, "classes"), (rarest, fewest)
    task = _task_of("classes", name, [column], used, labelled, few, {})
    if fewest < LEAST_PATIENTS or not _has_cohort(task, images, ("masked", "absent", {})):
        raise UserError(
            f"The classes of the column {column!r} of {found.metadata} cannot be audited, because "
            f"each needs {LEAST_PATIENTS} patients, and {rarest!r} has {fewest}: unite or remove "
            "rare classes."
        )
    return task


def _has_cohort(task: Task, images: pd.DataFrame, rules: tuple) -> bool:
    """Whether the workflow can make the cohort of a task. rules: as `values.rules` returns them."""
    options: dict[str, Any] = {
        "name": task.name,
        "views": task.views,
        "splits": task.splits,
        "findings": task.labels,
        "finding": task.labels[0],
        "column": task.labels[0],
        **dict(zip(("uncertain", "empty", "words"), rules, strict=True)),
    }
    needed = images[["image", "patient", "view", *task.labels]]
    logging.disable()
    try:
        KINDS[task.kind].cohort(needed, options, 0)
    except UserError:
        return False
    finally:
        logging.disable(logging.NOTSET)
    return True
