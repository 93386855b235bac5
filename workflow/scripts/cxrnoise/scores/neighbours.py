"""Disagreement with the nearest neighbours in the features (as kNN filters: Wilson 1972).

The suspicion is the share of the 25 most similar images of other patients whose given label is
another one. Similar are images with a small cosine distance of their features. It ranges from 0 to
1; higher means that the label is more likely wrong. It is a monotone function of the number of
these images, and no function of the network's predictions. Only images with a given label are
neighbours, for each finding those with a label of this finding. Where there are fewer than 25, all
are taken.
"""

import numpy as np
import pandas as pd

from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.scores.run import Run

NEEDS = ("features",)
NEIGHBOURS = 25
SIMILARITIES = 2**25  # that are held at once: 128 MiB
WIDTH = 32  # of the blocks among which the nearest are searched


def score(run: Run) -> np.ndarray:
    """Return the suspicion, float64 (n,) or (n, K).

    NaN where no label is given, and where no other patient has one.
    """
    images = len(run.images)
    given = run.given.reshape(images, -1)
    directions = _directions(run.features)
    of_patient = pd.Series(run.patients).groupby(run.patients).indices
    found = np.empty(given.shape)
    rows = max(1, SIMILARITIES // images)
    for start in range(0, images, rows):
        part = slice(start, start + rows)
        similarity = directions[part] @ directions.T
        for row, patient in enumerate(run.patients[part]):
            similarity[row, of_patient[patient]] = -np.inf
        found[part] = _disagreement(similarity, given[part], given)
    return np.where(given == UNKNOWN, np.nan, found).reshape(run.given.shape)


def _directions(features: np.ndarray) -> np.ndarray:
    """Return the features at length one, float32 (n, d)."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return np.divide(features, lengths, where=lengths > 0, out=np.zeros_like(features))


def _disagreement(similarity: np.ndarray, own: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return the share of the nearest with another label, float64 (m, K).

    Parameters
    ----------
    similarity: (m, n), minus infinity where an image must not be a neighbour.
    own: (m, K), given: (n, K), labels. Findings that are known for the same images are done at
        once.
    """
    shares = np.empty(own.shape)
    patterns, pattern_of = np.unique(given != UNKNOWN, axis=1, return_inverse=True)
    for number, known in enumerate(patterns.T):
        findings = np.flatnonzero(pattern_of.ravel() == number)
        labels = given[known][:, findings]
        candidates = similarity if known.all() else similarity[:, known]
        nearest = _largest(candidates, NEIGHBOURS)
        there = np.take_along_axis(candidates, nearest, axis=1) > -np.inf
        differs = (labels[nearest] != own[:, None, findings]) & there[:, :, None]
        with np.errstate(invalid="ignore"):  # 0 / 0 where there is no neighbour
            shares[:, findings] = differs.sum(axis=1) / there.sum(axis=1)[:, None]
    return shares


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Return where the `count` largest values of each row are, in no order, int64 (m, count).

    They are all in the `count` blocks of columns that have the largest maxima, which is far faster
    to find than to sort the rows. A block is every `blocks`-th column; the last columns, which fill
    no block, are searched too.
    """
    columns = values.shape[1]
    blocks = columns // WIDTH
    if blocks <= count:
        return _partition(values, count)
    maxima = values[:, : blocks * WIDTH].reshape(len(values), WIDTH, blocks).max(axis=1)
    first = _partition(maxima, count)
    places = (first[:, :, None] + blocks * np.arange(WIDTH)).reshape(len(values), -1)
    rest = np.broadcast_to(np.arange(blocks * WIDTH, columns), (len(values), columns % WIDTH))
    places = np.concatenate([places, rest], axis=1)
    best = _partition(np.take_along_axis(values, places, axis=1), count)
    return np.take_along_axis(places, best, axis=1)


def _partition(values: np.ndarray, count: int) -> np.ndarray:
    count = min(count, values.shape[1])
    return np.argpartition(values, -count, axis=1)[:, values.shape[1] - count :]
