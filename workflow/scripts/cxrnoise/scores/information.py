"""Entropy and mutual information of predictions, in units in which a guess has an entropy of 1."""

import numpy as np
from scipy.special import entr


def entropy(probabilities: np.ndarray, exclusive: bool) -> np.ndarray:
    """Return the entropy of predictions, float64 from 0 (certain) to 1 (all classes alike).

    Parameters
    ----------
    probabilities: (n, K). `exclusive`: rows sum to one, and the result is (n,); else each column
        is a finding of its own, and the result is (n, K).
    """
    p = np.clip(probabilities, 0, 1, dtype=np.float64)
    if exclusive:
        return entr(p).sum(axis=1) / np.log(p.shape[1])
    return (entr(p) + entr(1 - p)) / np.log(2)


def mutual_information(stack: np.ndarray, exclusive: bool) -> np.ndarray:
    """Return how much predictions of the same images contradict each other.

    It is the entropy of their mean less the mean of their entropies, float64 (n,) or (n, K), from 0
    (all alike) to 1 (each certain, and all labels alike): BALD (Houlsby et al. 2011).

    Parameters
    ----------
    stack: (T, n, K), T predictions; `exclusive` as in `entropy`.
    """
    of_mean = entropy(stack.mean(axis=0, dtype=np.float64), exclusive)
    mean = np.mean([entropy(one, exclusive) for one in stack], axis=0)
    return np.clip(of_mean - mean, 0, 1)  # rounding
