"""Votes of an ensemble against the given label (Brodley and Friedl, JAIR 1999).

The suspicion is the share of the members whose most probable label is not the given one. It ranges
from 0 to 1 in steps of one member; higher means that the label is more likely wrong. It is a
monotone function of the number of these members, and many labels share a value.
"""

import numpy as np

from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.scores.run import Run

NEEDS = ("members",)


def score(run: Run) -> np.ndarray:
    """Return the suspicion, float64 (n,) or (n, K); NaN where no label is given."""
    against = [run.decide(member) != run.given for member in run.members]
    return np.where(run.given == UNKNOWN, np.nan, np.mean(against, axis=0))
