"""Confidence-weighted entropy of the network's prediction (Kuan and Mueller, DataPerf 2022).

With the ratio r = H(p) / p(given label), where the entropy H is between 0 and 1, the suspicion is
1 - log(1 + r) / r. It ranges from 0 to 1; higher means that the label is more likely wrong. It is
one minus cleanlab's label quality score `confidence_weighted_entropy`, which takes a p(given label)
below 1e-6 for 1e-6. With two classes it is a falling function of p(given label), so it ranks labels
as `self_confidence` does. With more classes it falls with p(given label) and rises with the
entropy.
"""

import numpy as np

from cxrnoise.scores import information
from cxrnoise.scores.run import Run

NEEDS = ()
SMALLEST = np.finfo(np.float64).eps  # of probabilities, so that no ratio is 0/0


def score(run: Run) -> np.ndarray:
    """Return the suspicion, float64 (n,) or (n, K); NaN where no label is given."""
    probabilities = np.clip(run.probabilities, SMALLEST, 1 - SMALLEST, dtype=np.float64)
    ratio = information.entropy(probabilities, run.exclusive) / run.of_given(probabilities)
    return 1 - np.log1p(ratio) / ratio
