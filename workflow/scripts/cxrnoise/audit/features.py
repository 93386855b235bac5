"""Features of a whole archive, reduced by what was fitted to other patients, a file at a time."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from cxrnoise.core.features import read_features
from cxrnoise.core.randomness import generator

DIMENSIONS = 128  # at most, and at most half of the features, so that something is left over
MOST_TO_FIT = 10_000  # images, drawn at random; more change nothing but time and memory


def drawn(rows: np.ndarray, number: int, seed: int) -> np.ndarray:
    """Return at most so many of some rows, drawn at random, in their order."""
    if len(rows) <= number:
        return rows
    return np.sort(generator(seed, "hanging sample").choice(rows, number, replace=False))


def reductions(features: np.ndarray, folds: np.ndarray, seed: int) -> dict[int, Pipeline]:
    """Return for each fold a standardisation with principal components, fitted to the others.

    features: float32 (n, d); folds: integers (n,).
    """
    found = {}
    for fold in np.unique(folds):
        others = features[folds != fold]
        components = PCA(
            min(DIMENSIONS, len(others) - 1, others.shape[1] // 2),
            svd_solver="randomized",
            random_state=int(generator(seed, "hanging reduction", fold).integers(2**31)),
        )
        found[fold] = make_pipeline(StandardScaler(), components).fit(others)
    return found


def sample(
    paths: Sequence[str | Path], images: pd.DataFrame, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of `images` drawn at random, int (m,), and their features, float32 (m, d)."""
    rows = drawn(np.arange(len(images)), MOST_TO_FIT, seed)
    return rows, read_features(paths, images["image"].iloc[rows])


def parts(
    paths: Sequence[str | Path], images: pd.DataFrame
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield a fold, rows of `images`, int (m,), and their features, float32 (m, d), file by file.

    Parameters
    ----------
    paths: the files of features, in the order of the shards.
    images: image, shard (number), fold.
    """
    for number, path in enumerate(paths):
        here = np.flatnonzero(images["shard"] == number)
        features = read_features([path], images["image"].iloc[here])
        folds = images["fold"].to_numpy()[here]
        for fold in np.unique(folds):
            yield fold, here[folds == fold], features[folds == fold]
