"""Images unlike all others: what the principal components of other patients' images leave over.

Whatever radiographs have in common, and how they usually differ, is in these components. No chest,
half a chest or a photograph is not.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cxrnoise.audit import features


def remainders(paths: Sequence[str | Path], images: pd.DataFrame, seed: int) -> np.ndarray:
    """Return how much of each image is left over, in multiples of the median, float64 (n,).

    Parameters
    ----------
    paths: files of the features of the images, shard by shard.
    images: a row an image: image, shard, fold (the same for all images of a patient).
    """
    rows, sample = features.sample(paths, images, seed)
    reductions = features.reductions(sample, images["fold"].to_numpy()[rows], seed)
    found = np.empty(len(images))
    for fold, here, values in features.parts(paths, images):
        scaler, components = (step for _, step in reductions[fold].steps)
        standard = scaler.transform(values)
        explained = components.transform(standard)
        found[here] = ((standard - components.mean_) ** 2).sum(1) - (explained**2).sum(1)
    return found / np.median(found)
