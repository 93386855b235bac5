"""Label issues that confident learning finds, as cleanlab does it (Northcutt et al., JAIR 2021).

The suspicion is (1 - p(given label)) / 2 of a label, and 1 more where `find_label_issues` flags it.
It ranges from 0 to 3/2; higher means that the label is more likely wrong, and from 1 on it is
flagged. Among flagged labels, and among the others, it is a falling function of p(given label).
"""

import numpy as np

from cxrnoise.scores import cleanlab_methods, self_confidence
from cxrnoise.scores.run import Run

NEEDS = ()


def score(run: Run) -> np.ndarray:
    """Return the suspicion, float64 (n,) or (n, K); NaN where no label is given."""
    return cleanlab_methods.issues(run) + self_confidence.score(run) / 2
