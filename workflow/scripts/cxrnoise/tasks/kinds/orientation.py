"""How an image hangs: 8 orientations and 2 polarities, 16 classes (see `tasks/orientations.py`).

The label that is given says that every file is upright, which is what somebody assumed who filed
it; the truth is not known. In training each image is shown in an orientation that is drawn anew
each epoch, and there the truth is what was drawn.
"""

from collections.abc import Mapping

import pandas as pd

from cxrnoise.tasks import orientations, splits
from cxrnoise.tasks.cohorts import Cohort, check_filled, long, of_views

UPRIGHT = 0


def cohort(index: pd.DataFrame, options: Mapping, seed: int) -> Cohort:
    """Return the cohort, sorted by image. All images of a patient are in one split.

    Options: name, views, splits (counts or shares of images).
    """
    left_out: dict[str, int] = {}
    images = of_views(index, options, left_out).sort_values("image").assign(stratum=0)
    images = splits.with_strata(images, options["splits"], options["name"], seed)
    frame = long(images, "orientation", [UPRIGHT] * len(images), left_out)
    check_filled(images, options["name"])
    return Cohort(frame, orientations.names(), left_out=left_out)
