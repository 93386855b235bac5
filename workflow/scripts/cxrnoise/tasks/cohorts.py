"""Who takes part in a task, in which split, and what is known of them."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import SPLITS, UNKNOWN
from cxrnoise.datasets import views
from cxrnoise.tasks.columns import listed

COLUMNS = ("image", "patient", "split", "label", "mirrored", "true_label", "reported_label")


@dataclass(frozen=True)
class Cohort:
    """The labels of a task.

    frame: a row a label: image, patient, split, label (its name), mirrored, true_label and
        reported_label (int8, a place in `classes`, or -1 for not known). Images with several
        labels have them in one order.
    classes: the names of the values of a label.
    exclusive: True where an image has one label and a network one probability a class (they sum
        to one), False where it has several labels and a probability each.
    left_out: the numbers of images that are not in the frame, by the reason.
    """

    frame: pd.DataFrame
    classes: list[str]
    exclusive: bool = True
    left_out: dict[str, int] = field(default_factory=dict)


def leave_out(left_out: dict[str, int], why: str, images: int) -> None:
    """Count images that are left out for a reason, and say so in the log."""
    if images:
        left_out[why] = int(images)
        logging.info("left out, %s: %d images", why, images)


def of_views(index: pd.DataFrame, options: Mapping, left_out: dict[str, int]) -> pd.DataFrame:
    """Return the images with one of the task's views, and count the others in `left_out`."""
    taken = index["view"].isin([views.normal(view) for view in options["views"]])
    others = index.loc[~taken, "view"].replace("", "(none)").value_counts()
    found = listed(f"{view} ({count})" for view, count in others.items())
    if not taken.any():
        raise UserError(
            f"The cohort is empty: tasks.{options['name']}.views is {listed(options['views'])}, "
            f"but the images have the views {found or '(no images)'}; set it to the views to use."
        )
    if len(others):
        logging.info("left out, for tasks.%s.views: %s", options["name"], found)
    left_out |= {f"view {view}": int(count) for view, count in others.items()}
    return index[taken]


def long(
    images: pd.DataFrame,
    label: str | np.ndarray,
    reported: np.ndarray,
    left_out: dict[str, int],
    **columns,
) -> pd.DataFrame:
    """Return rows of image, patient, split as the frame of a cohort, with a label each.

    Rows without a split are not returned; their images are counted in `left_out`. Images are not
    mirrored and their truth is not known, unless `columns` says so.
    """
    known = {"label": label, "reported_label": np.asarray(reported, np.int8)}
    frame = images.assign(mirrored=False, true_label=np.int8(UNKNOWN), **known).assign(**columns)
    taken = frame["split"] != ""
    leave_out(left_out, "for all splits are full", frame.loc[~taken, "image"].nunique())
    return frame.loc[taken, list(COLUMNS)].reset_index(drop=True)


def known(
    images: pd.DataFrame, reported: np.ndarray, what: str, left_out: dict[str, int]
) -> pd.DataFrame:
    """Return the images of which something is reported, and count the others in `left_out`."""
    unknown = (reported == UNKNOWN) if reported.ndim == 1 else (reported == UNKNOWN).all(axis=1)
    if unknown.all():
        raise UserError(f"No image has a known value of {what}: every cell is masked or empty.")
    leave_out(left_out, f"without a known value of {what}", unknown.sum())
    return images[~unknown]


def check_filled(images: pd.DataFrame, task: str) -> None:
    """Raise `UserError` when a split of the images (image, patient, split) is empty."""
    empty = [split for split in SPLITS if not (images["split"] == split).any()]
    if empty:
        raise UserError(
            f"tasks.{task}.splits leaves no image for {listed(empty)} (the cohort has "
            f"{len(images)} images of {images['patient'].nunique()} patients, and a "
            "patient is in one split): use more patients, or raise the size of this split."
        )


def check_classes(cohort: Cohort, task: str) -> None:
    """Raise `UserError` when a class of a label is missing in a split, which cannot be judged."""
    frame = cohort.frame[cohort.frame["reported_label"] != UNKNOWN]
    groups = frame.groupby(["label", "reported_label"], sort=False, observed=True)
    splits = groups["split"].agg(set).to_dict()
    missing = [
        (label, value, [split for split in SPLITS if split not in splits.get((label, value), ())])
        for label in frame["label"].unique()
        for value in range(len(cohort.classes))
    ]
    missing = [case for case in missing if case[2]]
    if missing:
        patients = groups["patient"].nunique().to_dict()
        said = (
            f"{label} is {cohort.classes[value]} in no image of {' and '.join(lacking)} "
            f"({patients.get((label, value), 0)} patients in all)"
            for label, value, lacking in missing
        )
        raise UserError(
            f"tasks.{task} cannot be judged, for {listed(said)}: enlarge these splits in "
            f"tasks.{task}.splits, or leave out what so few patients have."
        )


def counts(cohort: Cohort) -> pd.DataFrame:
    """Return the images and patients of each split, label and class ("not known" among them)."""
    names = dict(enumerate(cohort.classes)) | {UNKNOWN: "not known"}
    frame = cohort.frame.assign(**{"class": cohort.frame["reported_label"].map(names)})
    groups = frame.groupby(["split", "label", "class"])
    table = groups.agg(images=("image", "size"), patients=("patient", "nunique")).reset_index()
    return in_order(table)


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows in the order of the splits."""
    place = table["split"].map(SPLITS.index)
    return table.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)
