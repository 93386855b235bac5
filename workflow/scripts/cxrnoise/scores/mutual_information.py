"""Mutual information of label and network over the Monte Carlo samples (BALD, Houlsby et al. 2011).

I is the entropy of the mean of the samples less the mean of their entropies, between 0 (all samples
alike) and 1 (each certain, and all labels alike). The suspicion is 1 - I where the mean of the
samples disagrees with the given label and I - 1 where it agrees. It ranges from -1 to 1; higher
means that the label is more likely wrong. Among disagreements it is a falling function of I, and no
function of the mean or of the softmax.
"""

import numpy as np

from cxrnoise.scores import information
from cxrnoise.scores.run import Run

NEEDS = ("samples",)


def score(run: Run) -> np.ndarray:
    """Return the suspicion, float64 (n,) or (n, K); NaN where no label is given."""
    certainty = 1 - information.mutual_information(run.samples, run.exclusive)
    return run.signed(certainty, run.decide(run.mc_mean))
