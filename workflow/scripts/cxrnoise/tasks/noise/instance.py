"""Noise that depends on the image: the harder it is, the more likely its label is flipped.

The difficulty of a label is (1 - margin) / 2, where the margin is the probability of its class less
the largest of the others, in the out-of-fold predictions of the probe of the labels without noise:
from 0 (the probe is sure that it is right) to 1 (sure that it is wrong). The probability of a flip
is min(1/2, c × difficulty), with the c that makes its mean over all known labels the level.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cxrnoise.core import manifests
from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import UNKNOWN

MOST = 0.5  # of the probability of a flip


def probability(labels: pd.DataFrame, level: float, options: Mapping) -> np.ndarray:
    """Return min(1/2, c × difficulty) of each label; 0 where it is not known.

    Raises `UserError` when the predictions of the probe are of other images, or too many labels
    have a difficulty of 0 for the level.
    """
    known = (labels["reported_label"] != UNKNOWN).to_numpy()
    found = difficulty(labels[known], options["probed"])
    factor = _factor(found, level / 100, f"tasks.{options['name']}.noise_levels")
    probabilities = np.zeros(len(labels))
    probabilities[known] = np.minimum(MOST, factor * found)
    return probabilities


def key(labels: pd.DataFrame) -> pd.Series:
    """Each image has a draw of its own."""
    return labels["image"]


def difficulty(labels: pd.DataFrame, predictions: str) -> np.ndarray:
    """Return (1 - margin) / 2 of known labels, float64 (n,) from 0 to 1."""
    table = manifests.read(predictions, "predictions")
    names = table.columns[2:].tolist()  # after image and split
    rows = pd.Index(table["image"]).get_indexer(labels["image"])
    if (rows < 0).any():
        raise UserError(
            f"{predictions} has no prediction of the image {labels['image'][rows < 0].iloc[0]}: "
            "delete it and run again."
        )
    probabilities = table[names].to_numpy(np.float64)[rows]
    reported, place = labels["reported_label"].to_numpy(), np.arange(len(labels))
    if labels["label"].isin(names).all():  # findings, with the probability of each
        present = probabilities[place, pd.Index(names).get_indexer(labels["label"])]
        return np.where(reported == 1, 1 - present, present)
    of_label = probabilities[place, reported]
    probabilities[place, reported] = -np.inf
    return (1 - of_label + probabilities.max(axis=1)) / 2


def _factor(difficulties: np.ndarray, level: float, key: str) -> float:
    """Return the c for which the mean of min(1/2, c × difficulty) is the level.

    The mean is piecewise linear in c, with a corner where another label reaches 1/2.
    """
    hardest = np.sort(difficulties[difficulties > 0])[::-1]
    corners = MOST / hardest
    less_hard = hardest.sum() - np.cumsum(hardest)
    means = (MOST * np.arange(1, len(hardest) + 1) + corners * less_hard) / len(difficulties)
    if level > 0 and (not len(means) or level > means[-1] + 1e-9):
        most = 100 * means[-1] if len(means) else 0
        raise UserError(
            f"{key} has {100 * level:g}, but the noise model instance can flip only {most:.3g} % "
            "of these labels, as the probe is sure of the others: lower the level."
        )
    return float(np.interp(level, [0, *means], [0, *corners]))
