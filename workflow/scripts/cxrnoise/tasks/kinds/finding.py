"""A finding: present or absent, as one column of the metadata reports. (Paper, section 2.3.)"""

import logging
from collections.abc import Mapping

import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.tasks import columns, splits, values
from cxrnoise.tasks.cohorts import (
    Cohort,
    check_classes,
    check_filled,
    known,
    leave_out,
    long,
    of_views,
)

PUBLISHED_PATIENTS = 28868  # the paper's patients have smaller numbers


def cohort(index: pd.DataFrame, options: Mapping, seed: int) -> Cohort:
    """Return the cohort, sorted by image; see `splits.by_positives`.

    Options: name, views, finding (a column), cohort (`all`, or `published` for the patients of
    the paper), splits (counts or shares of images), positives (shares of the positive images;
    those of the splits if there are none), held_out (`none`, or a CSV file whose images are the
    test split; their patients' other images are left out), uncertain, empty, words.
    Raises `UserError` when a split would be empty or without positives or negatives.
    """
    name = options["name"]
    left_out: dict[str, int] = {}
    images = of_views(index, options, left_out)
    if options.get("cohort") == "published":
        images = _published(images, name, left_out)
    column = columns.named(index, options["finding"], f"tasks.{name}.finding")
    reported = values.read(images, column, *values.rules(options))
    images = known(images.assign(reported=reported), reported, column, left_out)
    images = _with_splits(images, options, seed, left_out).sort_values("image")
    frame = long(images, column, images["reported"], left_out)
    made = Cohort(frame, values.CLASSES, left_out=left_out)
    check_filled(images, name)
    check_classes(made, name)
    return made


def _published(images: pd.DataFrame, task: str, left_out: dict[str, int]) -> pd.DataFrame:
    numbered = images["patient"].str.fullmatch("[0-9]+")
    if not numbered.all():
        raise UserError(
            f"tasks.{task}.cohort is published, which means the patients of ChestXRay14 below "
            f"{PUBLISHED_PATIENTS}, but the patient {images.loc[~numbered, 'patient'].iloc[0]} is "
            "no number: set it to all."
        )
    taken = images["patient"].astype(int) < PUBLISHED_PATIENTS
    if not taken.any():
        raise UserError(
            f"tasks.{task}.cohort is published, which means the patients of ChestXRay14 below "
            f"{PUBLISHED_PATIENTS}, and no patient is: set it to all."
        )
    leave_out(left_out, "for the paper has other patients", (~taken).sum())
    return images[taken]


def _with_splits(
    images: pd.DataFrame, options: Mapping, seed: int, left_out: dict[str, int]
) -> pd.DataFrame:
    held_out = _held_out(images, options)
    test = images[held_out].assign(split="test")
    rest = images[~images["patient"].isin(test["patient"])]
    others = len(images) - len(test) - len(rest)
    leave_out(left_out, "for their patients are held out", others)
    sizes, positives = options["splits"], options.get("positives") or options["splits"]
    if len(test):
        sizes, positives = splits.without_test(sizes), splits.without_test(positives)
    if isinstance(sum(positives.values()), int):  # counts of images, not shares of positives
        total = sum(positives.values())
        positives = {split: number / total for split, number in positives.items()}
    patients = rest.groupby("patient")["reported"].agg(images="size", positives="sum")
    patients = patients.reset_index()
    found = splits.by_positives(patients, sizes, positives, options["name"], seed)
    by_patient = pd.Series(found, index=patients["patient"])
    return pd.concat([test, rest.assign(split=rest["patient"].map(by_patient))])


def _held_out(images: pd.DataFrame, options: Mapping) -> pd.Series:
    """Return which images are the test split by name."""
    key = f"tasks.{options['name']}.held_out"
    if options.get("held_out", "none") in ("none", None):
        return pd.Series(False, index=images.index)
    named = splits.images_named(options["held_out"], key)
    held_out = images["image"].isin(named)
    if not held_out.any():
        raise UserError(
            f"None of the images that {key} names is in the cohort: check that the file and the "
            "metadata belong together."
        )
    logging.info("%d of the %d images of %s are in the cohort", held_out.sum(), len(named), key)
    return held_out
