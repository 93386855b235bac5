"""Mutual information of label and network over the members of an ensemble (Houlsby et al. 2011).

I is the entropy of the mean of the members less the mean of their entropies, between 0 (all members
alike) and 1 (each certain, and all labels alike). The suspicion is 1 - I where the mean of the
members disagrees with the given label and I - 1 where it agrees. It ranges from -1 to 1; higher
means that the label is more likely wrong. Among disagreements it is a falling function of I, and no
function of the mean.
"""

import numpy as np

from cxrnoise.scores import information
from cxrnoise.scores.run import Run

NEEDS = ("members",)


def score(run: Run) -> np.ndarray:
    """Return the suspicion, float64 (n,) or (n, K); NaN where no label is given."""
    certainty = 1 - information.mutual_information(run.members, run.exclusive)
    return run.signed(certainty, run.decide(run.members.mean(axis=0, dtype=np.float64)))
