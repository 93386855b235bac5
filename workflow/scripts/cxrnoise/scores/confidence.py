"""The paper's confidence C(x) as a score (Çallı et al. 2019, Eq. 1).

C(x) = |max_i p(i|x) - 1/N|, from 0 (a guess) to 1 - 1/N (certain). For several findings it is
|max(p, 1 - p) - 1/2| of each finding.

The suspicion is +C(x) where the model disagrees with the given label and -C(x) where it agrees. It
ranges from 1/N - 1 to 1 - 1/N; higher means that the label is more likely wrong. With two classes
it is a monotone function of the probability of the given label (the same ranking as cleanlab's
self-confidence).
"""

import numpy as np

from cxrnoise.scores.run import Run

NEEDS = ()


def score(run: Run) -> np.ndarray:
    """Return the suspicion, float64 (n,) or (n, K); NaN where no label is given."""
    return run.signed(paper(run))


def paper(run: Run) -> np.ndarray:
    """Return C(x), float64 (n,) or (n, K).

    The probabilities are those of the trained model or, where `run.confidence_from` is `mc-mean`,
    the means over the Monte Carlo samples.
    """
    return from_chance(run.confident, run.exclusive)


def from_chance(probabilities: np.ndarray, exclusive: bool = True) -> np.ndarray:
    """Return the distance of the winning class from chance, float64 (n,) or (n, K).

    Parameters
    ----------
    probabilities: (n, K). `exclusive`: rows sum to one; else each column is a finding of its own.
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if not exclusive:
        return np.abs(probabilities - 1 / 2)  # = |max(p, 1 - p) - 1/2|
    return np.abs(probabilities.max(axis=1) - 1 / probabilities.shape[1])
