"""Confidence times certainty: both measures of the paper at once (Çallı et al. 2019).

C(x) U(x) itself has no direction: it is small for a guess and for what all Monte Carlo samples
agree on. So C(x) is multiplied by the certainty 1/4 - U(x), which is large where U(x) is small.

The suspicion is C(x) (1/4 - U(x)) where the model disagrees with the given label, and minus that
where it agrees. It ranges from (1/N - 1)/4 to (1 - 1/N)/4 for N classes; higher means that the
label is more likely wrong. Among disagreements it is a rising function of C(x) and a falling one of
U(x), so it is a monotone function of neither alone.
"""

import numpy as np

from cxrnoise.scores import confidence, uncertainty
from cxrnoise.scores.run import Run

NEEDS = ("samples",)


def score(run: Run) -> np.ndarray:
    """Return the suspicion, float64 (n,) or (n, K); NaN where no label is given."""
    return run.signed(confidence.paper(run) * (uncertainty.LARGEST - uncertainty.paper(run)))
