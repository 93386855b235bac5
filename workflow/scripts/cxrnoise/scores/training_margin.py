"""Area under the margin: how a training learnt the given label (Pleiss et al., NeurIPS 2020).

The margin is the logit of the given label less the largest other logit, and its area is the mean
over the epochs. The suspicion is minus the area. It ranges from minus to plus infinity; higher
means that the label is more likely wrong. It is a falling function of the area under the margin. It
ranks labels that a network was trained on; others have NaN.
"""

import numpy as np

from cxrnoise.scores.run import Run

NEEDS = ("dynamics",)


def score(run: Run) -> np.ndarray:
    """Return the suspicion, float64 (n,) or (n, K); NaN where no label is given or trained on."""
    return -run.of_rows(run.dynamics["margin"])
