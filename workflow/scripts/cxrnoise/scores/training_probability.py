"""Probability of the given label through a training (Swayamdipta et al., EMNLP 2020).

The suspicion is 1 - mean p(given label) over the epochs. It ranges from 0 to 1; higher means that
the label is more likely wrong. It is a falling function of that mean. It ranks labels that a
network was trained on; others have NaN.
"""

import numpy as np

from cxrnoise.scores.run import Run

NEEDS = ("dynamics",)


def score(run: Run) -> np.ndarray:
    """Return the suspicion, float64 (n,) or (n, K); NaN where no label is given or trained on."""
    return 1 - run.of_rows(run.dynamics["probability"])
