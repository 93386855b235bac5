"""Noise of whole patients: a patient's images share the draw, as if one report were wrong for all.

With one image a patient, as in situs, it is symmetric noise.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd


def probability(labels: pd.DataFrame, level: float, options: Mapping) -> np.ndarray:
    """Return the level, in percent, as the probability of each label."""
    return np.full(len(labels), level / 100)


def key(labels: pd.DataFrame) -> pd.Series:
    """All images of a patient share a draw."""
    return labels["patient"]
