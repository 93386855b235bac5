"""Self-confidence of an ensemble: of the mean of its members (Lakshminarayanan et al. 2017).

The suspicion is 1 - mean p(given label) over the members. It ranges from 0 to 1; higher means that
the label is more likely wrong. It is a falling function of that mean. With one member it would be
`self_confidence`.
"""

import numpy as np

from cxrnoise.scores.run import Run

NEEDS = ("members",)


def score(run: Run) -> np.ndarray:
    """Return the suspicion, float64 (n,) or (n, K); NaN where no label is given."""
    return 1 - run.of_given(run.members.mean(axis=0, dtype=np.float64))
