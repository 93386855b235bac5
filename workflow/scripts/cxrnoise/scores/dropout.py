"""The uncertainty U(x) from Monte Carlo dropout (Gal and Ghahramani, ICML 2016).

U(x) is the variance of the predicted class's probability over the dropout samples, from 0 to 1/4.
The suspicion is 1/4 - U(x) where the model disagrees with the given label and U(x) - 1/4 where it
agrees. It ranges from -1/4 to 1/4; higher means that the label is more likely wrong. Among
disagreements it is a falling function of U(x), and no function of the softmax.
"""

import numpy as np

from cxrnoise.scores import uncertainty
from cxrnoise.scores.run import Run

NEEDS = ("dropout",)


def score(run: Run) -> np.ndarray:
    """Return the suspicion, float64 (n,) or (n, K); NaN where no label is given."""
    return run.signed(uncertainty.LARGEST - uncertainty.variance(run, run.dropout))
