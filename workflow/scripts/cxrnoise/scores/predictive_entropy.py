"""Predictive entropy: of the mean of the Monte Carlo samples (Gal and Ghahramani, ICML 2016).

The entropy H is between 0 (certain) and 1 (all classes alike). The suspicion is 1 - H where the
mean disagrees with the given label and H - 1 where it agrees. It ranges from -1 to 1; higher means
that the label is more likely wrong. Among disagreements it is a falling function of H. With two
classes it is a falling function of the mean of p(given label), so it ranks labels as `mc_mean`
does.
"""

import numpy as np

from cxrnoise.scores import information
from cxrnoise.scores.run import Run

NEEDS = ("samples",)


def score(run: Run) -> np.ndarray:
    """Return the suspicion, float64 (n,) or (n, K); NaN where no label is given."""
    certainty = 1 - information.entropy(run.mc_mean, run.exclusive)
    return run.signed(certainty, run.decide(run.mc_mean))
