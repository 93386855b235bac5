"""Self-confidence with test-time augmentation.

The suspicion is 1 - mean p(given label) over augmented copies of the image. It ranges from 0 to 1;
higher means that the label is more likely wrong. It is a falling function of that mean.
"""

import numpy as np

from cxrnoise.scores.run import Run

NEEDS = ("augmented",)


def score(run: Run) -> np.ndarray:
    """Return the suspicion, float64 (n,) or (n, K); NaN where no label is given."""
    return 1 - run.of_given(run.augmented.mean(axis=0, dtype=np.float64))
