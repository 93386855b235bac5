"""The paper's uncertainty U(x) as a score (Çallı et al. 2019, Eq. 2).

U(x) = Var(p(i|x)), the variance of the predicted class's probability over the Monte Carlo samples,
from 0 (all samples agree) to 1/4. It is the population variance (divided by T, not T - 1), for
several findings of each finding.

The suspicion is 1/4 - U(x) where the model disagrees with the given label and U(x) - 1/4 where it
agrees. It ranges from -1/4 to 1/4; higher means that the label is more likely wrong. Among
disagreements it is a falling function of U(x), and no function of the softmax.
"""

import numpy as np

from cxrnoise.scores.run import Run

NEEDS = ("samples",)
LARGEST = 1 / 4  # variance of a number between 0 and 1


def score(run: Run) -> np.ndarray:
    """Return the suspicion, float64 (n,) or (n, K); NaN where no label is given."""
    return run.signed(LARGEST - paper(run))


def paper(run: Run) -> np.ndarray:
    """Return U(x), float64 (n,) or (n, K)."""
    return variance(run, run.samples)


def variance(run: Run, samples: np.ndarray) -> np.ndarray:
    """Return the variance of the predicted class over samples (T, n, K), float64 as `paper`."""
    if run.exclusive:
        samples = samples[:, np.arange(len(run.images)), run.predicted]
    return samples.var(axis=0, dtype=np.float64)  # p and 1 - p have the same variance
