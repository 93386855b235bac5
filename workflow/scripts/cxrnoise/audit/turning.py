"""How each image hangs, by linear classifiers that were shown turned copies of other images.

Nobody has to label anything: an image is taken to be upright as it was filed, and its turned,
mirrored and inverted copies are made here. Those that judge an image never saw its patient.

Turns and polarity show in a thumbnail. Which side the heart is on does not show as well, so
mirroring is judged from the features of a frozen network, of the image and of its mirror image.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import LogisticRegression

from cxrnoise.audit import features, thumbnails
from cxrnoise.core.randomness import generator
from cxrnoise.tasks import orientations

UNMIRRORED = np.array([0, 1, 2, 3, 8, 9, 10, 11])  # the orientations without a mirror
SIDE = 16  # of what the classifier of turns sees
MOST_TO_FIT = 5000  # images, each of them eight times
STRENGTH_OF_TURNS, STRENGTH_OF_MIRROR = 0.01, 0.001  # `C` of scikit-learn
DIRECTIONS = 256  # in which an image differs from its mirror image, at most
TINY = 1e-6
UPRIGHT, MIRRORED = 0, 1


def out_of_fold(
    thumbs: np.ndarray,
    plain: Sequence[str | Path],
    mirrored: Sequence[str | Path],
    images: pd.DataFrame,
    seed: int,
) -> np.ndarray:
    """Return the probability of each of the 16 orientations, float32 (n, 16), as filed.

    Parameters
    ----------
    thumbs: uint8 (n, side, side), see `thumbnails`.
    plain, mirrored: files of the features of the images as filed and mirrored, shard by shard.
    images: a row an image: image, shard, fold (the same for all images of a patient).
    """
    turned = turns(thumbs, images["fold"].to_numpy(), seed)
    is_mirrored = mirror(plain, mirrored, images, seed)
    found = np.zeros((len(thumbs), orientations.NUMBER), np.float32)
    found[:, UNMIRRORED] = turned * (1 - is_mirrored)[:, np.newaxis]
    found[:, UNMIRRORED + 4] = turned * is_mirrored[:, np.newaxis]
    return found


def turns(thumbs: np.ndarray, folds: np.ndarray, seed: int) -> np.ndarray:
    """Return the probabilities of the `UNMIRRORED` orientations, float64 (n, 8)."""
    small = thumbnails.smaller(thumbs, SIDE)
    found = np.empty((len(small), len(UNMIRRORED)))
    drawn = features.drawn(np.arange(len(small)), MOST_TO_FIT, seed)
    for fold in np.unique(folds):
        rows = drawn[folds[drawn] != fold]
        copies = [
            orientations.apply(small[rows], np.full(len(rows), number)) for number in UNMIRRORED
        ]
        classifier = LogisticRegression(C=STRENGTH_OF_TURNS, max_iter=200)
        classifier.fit(
            thumbnails.standardised(np.concatenate(copies)),
            np.repeat(np.arange(len(UNMIRRORED)), len(rows)),
        )
        found[folds == fold] = classifier.predict_proba(
            thumbnails.standardised(small[folds == fold])
        )
    return found


def mirror(
    plain: Sequence[str | Path], mirrored: Sequence[str | Path], images: pd.DataFrame, seed: int
) -> np.ndarray:
    """Return the probability that each image is mirrored, float64 (n,).

    The classifier sees the features of the mirror image less those of the image. So an image and
    its mirror image get log odds of opposite sign, and what the two have in common cancels out.
    """
    rows, as_filed = features.sample(plain, images, seed)
    _, differences = features.sample(mirrored, images, seed)
    differences -= as_filed
    folds = images["fold"].to_numpy()[rows]
    weights = {fold: _weights(differences[folds != fold], seed, fold) for fold in np.unique(folds)}
    odds = np.zeros(len(images))
    for sign, paths in ((-1, plain), (1, mirrored)):
        for fold, here, values in features.parts(paths, images):
            odds[here] += sign * (values @ weights[fold])
    return expit(odds)


def _weights(differences: np.ndarray, seed: int, fold: int) -> np.ndarray:
    """Return the weight of each feature, float64 (d,), in the log odds of being mirrored.

    differences: float32 (n, d), of images that are taken to be upright.
    """
    scale = np.sqrt((differences**2).mean(0)) + TINY
    scaled = differences / scale
    directions = TruncatedSVD(
        min(DIRECTIONS, len(scaled) - 1, scaled.shape[1]),
        random_state=int(generator(seed, "hanging directions", fold).integers(2**31)),
    )
    reduced = directions.fit_transform(scaled)
    classifier = LogisticRegression(C=STRENGTH_OF_MIRROR, fit_intercept=False, max_iter=500)
    classifier.fit(
        np.concatenate([reduced, -reduced]), np.repeat([UPRIGHT, MIRRORED], len(reduced))
    )
    return directions.components_.T @ classifier.coef_[0] / scale
