"""Self-confidence of the mean of the Monte Carlo samples.

The suspicion is 1 - mean p(given label) over the samples. It ranges from 0 to 1; higher means that
the label is more likely wrong. It is a falling function of that mean, and no function of the
softmax.
"""

import numpy as np

from cxrnoise.scores.run import Run

NEEDS = ("samples",)


def score(run: Run) -> np.ndarray:
    """Return the suspicion, float64 (n,) or (n, K); NaN where no label is given."""
    return 1 - run.of_given(run.mc_mean)
