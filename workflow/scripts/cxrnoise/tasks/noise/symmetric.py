"""Symmetric noise: every label is flipped with the same probability (paper, section 2.2)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd


def probability(labels: pd.DataFrame, level: float, options: Mapping) -> np.ndarray:
    """Return the level, in percent, as the probability of each label."""
    return np.full(len(labels), level / 100)


def key(labels: pd.DataFrame) -> pd.Series:
    """Each image has a draw of its own."""
    return labels["image"]
