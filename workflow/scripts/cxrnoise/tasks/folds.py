"""The runs of the folds: who is predicted, who validates, who trains."""

import numpy as np
import pandas as pd

from cxrnoise.tasks.splits import of_folds

VALIDATED = 10  # one in so many of the patients outside a fold validates


def of_fold(labels: pd.DataFrame, fold: int, folds: int, seed: int) -> pd.DataFrame:
    """Return the labels of a cohort with the splits of one fold.

    The patients of the fold are the test split. A tenth of the others is the validation split, with
    the labels that they are given, and the rest trains. Both draws are stratified, see
    `splits.of_folds`.

    Parameters
    ----------
    labels: the table `labels`; its own splits are not used.
    fold: 0 to `folds` - 1.
    """
    test = of_folds(labels, folds, seed) == fold
    rest = labels[~test]
    validates = of_folds(rest, VALIDATED, seed, f"validation of fold {fold}") == 0
    split = np.full(len(labels), "test", dtype=object)
    split[~test] = np.where(validates, "val", "train")
    return labels.assign(split=split)


def whole(labels: pd.DataFrame) -> pd.DataFrame:
    """Return the labels of a cohort all of which is predicted: in the test split."""
    return labels.assign(split="test")
