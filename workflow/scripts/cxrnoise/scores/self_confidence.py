"""Self-confidence: how little the network believes the given label (Northcutt et al., JAIR 2021).

The suspicion is 1 - p(given label). It ranges from 0 to 1; higher means that the label is more
likely wrong. It is one minus cleanlab's label quality score of this name. With two classes it is a
monotone function of the score `confidence`: both rank labels in the same order.
"""

import numpy as np

from cxrnoise.scores.run import Run

NEEDS = ()


def score(run: Run) -> np.ndarray:
    """Return the suspicion, float64 (n,) or (n, K); NaN where no label is given."""
    return 1 - run.of_given(run.probabilities)
