"""Normalised margin: by how much another label is more probable (Northcutt et al., JAIR 2021).

The suspicion is (1 + p(most probable other label) - p(given label)) / 2. It ranges from 0 to 1;
higher means that the label is more likely wrong, and above 1/2 another label is more probable. It
is one minus cleanlab's label quality score `normalized_margin`. With two classes, and for each
finding, it is 1 - p(given label), the score `self_confidence`. With more classes it is a falling
function of p(given label) and a rising one of the largest other probability.
"""

import numpy as np

from cxrnoise.scores.run import Run

NEEDS = ()


def score(run: Run) -> np.ndarray:
    """Return the suspicion, float64 (n,) or (n, K); NaN where no label is given."""
    given = run.of_given(run.probabilities)
    if not run.exclusive:
        return 1 - given
    others = run.probabilities.astype(np.float64)
    others[np.arange(len(others)), run.given] = 0
    return (1 + others.max(axis=1) - given) / 2
