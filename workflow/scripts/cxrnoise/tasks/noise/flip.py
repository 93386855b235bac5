"""Flip the labels of a cohort: who is given a wrong label, and which."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.core.randomness import uniform
from cxrnoise.tasks.cohorts import in_order
from cxrnoise.tasks.noise.registry import MODELS


def labels(
    cohort: pd.DataFrame,
    classes: list[str],
    model: str,
    level: float,
    options: Mapping,
    noisy_splits: Iterable[str],
    seed: int,
) -> pd.DataFrame:
    """Return the cohort with the columns given_label (int8) and flipped (bool).

    Each image (or what the model says shares a draw) has one uniform draw, and its label is
    flipped where the draw is below its probability: levels are nested, and the number of flips is
    random around its expectation. Where an image has several labels, each has a draw of its own.
    Another draw chooses among several wrong classes. Labels that are not known stay so.

    Parameters
    ----------
    cohort, classes: those of a `Cohort`.
    model: a name of `MODELS`.
    level: percent; what it means is the model's.
    options: the task's `name`, and `class_rates` for the model of that name.
    """
    chosen = MODELS[model]
    options = {**options, "classes": classes}
    keys = _keys(chosen.key(cohort), cohort["label"])
    reported = cohort["reported_label"].to_numpy()
    noisy = cohort["split"].isin(set(noisy_splits)).to_numpy() & (reported != UNKNOWN)
    probability = chosen.probability(cohort, level, options)
    flipped = noisy & (uniform(seed, "label noise", keys) < probability)
    towards = chosen.towards(options) if hasattr(chosen, "towards") else _evenly(len(classes))
    given = reported.copy()
    given[flipped] = _wrong(reported[flipped], towards, keys[flipped], seed)
    return cohort.assign(given_label=given.astype(np.int8), flipped=flipped)


def flips(labels: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """Return what was realised: split, label, class, images, flipped, percent.

    `class` is the one that a label had before; labels that are not known are left out.
    """
    known = labels[labels["reported_label"] != UNKNOWN]
    groups = known.groupby(["split", "label", "reported_label"], sort=False)["flipped"]
    table = groups.agg(images="size", flipped="sum").reset_index()
    table["class"] = table["reported_label"].map(dict(enumerate(classes)))
    table["percent"] = (100 * table["flipped"] / table["images"]).round(4)
    table["place"] = table["label"].map({name: n for n, name in enumerate(known["label"].unique())})
    table = in_order(table.sort_values(["place", "reported_label"]))
    return table[["split", "label", "class", "images", "flipped", "percent"]]


def _keys(shared: pd.Series, label: pd.Series) -> pd.Series:
    """Return what a draw is keyed by: also by the label where there are several."""
    return shared if label.nunique() < 2 else shared.str.cat(label, sep="\x1f")


def _evenly(classes: int) -> np.ndarray:
    return (1 - np.eye(classes)) / max(1, classes - 1)


def _wrong(reported: np.ndarray, towards: np.ndarray, keys: pd.Series, seed: int) -> np.ndarray:
    """Draw a class for each label by the row of its class in `towards`."""
    if towards.shape[1] == 2:
        return 1 - reported
    upper = towards[reported].cumsum(axis=1)
    upper /= upper[:, -1:]  # so that the last is exactly 1, above every draw
    return (uniform(seed, "wrong class", keys)[:, None] >= upper).sum(axis=1)
