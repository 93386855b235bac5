"""Normalised margin as cleanlab computes it.

The suspicion is one minus its label quality score. It ranges from 0 to 1; higher means that the
label is more likely wrong. It is the score `margin`, and with two classes a falling function of
p(given label).
"""

import numpy as np

from cxrnoise.scores import cleanlab_methods
from cxrnoise.scores.run import Run

NEEDS = ()


def score(run: Run) -> np.ndarray:
    """Return the suspicion, float64 (n,) or (n, K); NaN where no label is given."""
    return cleanlab_methods.suspicion(run, "normalized_margin")
