"""Equal numbers of each label in training."""

import numpy as np
import pandas as pd

from cxrnoise.core.randomness import uniform


def balanced(labels: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return `labels` with rows of rarer classes repeated until all are as many as the largest.

    Each row of a class is there at least as often as the ratio rounded down (paper, section
    2.3); which rows are there once more is drawn at random.
    """
    counts = labels["given_label"].value_counts()
    parts = [labels]
    for rarer in sorted(counts.index[counts < counts.max()]):
        rows = labels[labels["given_label"] == rarer]
        times, rest = divmod(counts.max() - len(rows), len(rows))
        drawn = np.argsort(uniform(seed, "repeated", rows["image"]), kind="stable")[:rest]
        parts += [rows] * times + [rows.iloc[drawn]]
    return pd.concat(parts, ignore_index=True)
