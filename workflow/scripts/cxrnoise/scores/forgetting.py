"""Forgetting events: how often a training lost the given label again (Toneva et al., ICLR 2019).

An event is a time at which the network does not predict the given label, although it did so the
time before. The suspicion is the number of events divided by how often the label was seen. It
ranges from 0 to 1; higher means that the label is more likely wrong. It is a rising function of the
number of events, and many labels share a value. It ranks labels that a network was trained on;
others have NaN.
"""

import numpy as np

from cxrnoise.scores.run import Run

NEEDS = ("dynamics",)


def score(run: Run) -> np.ndarray:
    """Return the suspicion, float64 (n,) or (n, K); NaN where no label is given or trained on."""
    return run.of_rows(run.dynamics["forgotten"] / run.dynamics["epochs"])
