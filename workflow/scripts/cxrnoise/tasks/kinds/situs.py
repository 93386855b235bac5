"""Situs: is the image mirrored? (Paper, section 2.2.)

One random image of each patient; exactly half of each split, rounded down, is mirrored, which is
the true label.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cxrnoise.tasks import splits
from cxrnoise.tasks.cohorts import Cohort, check_classes, leave_out, long, of_views

CLASSES = ["unmirrored", "mirrored"]


def cohort(index: pd.DataFrame, options: Mapping, seed: int) -> Cohort:
    """Return the cohort, sorted by patient.

    Options: name, views, splits (counts or shares of patients).
    Raises `UserError` when there is no image of the views, the splits are larger than the
    cohort, or one of them has too few patients.
    """
    left_out: dict[str, int] = {}
    all_images = of_views(index, options, left_out)
    images = splits.one_per_patient(all_images, seed)
    others = len(all_images) - len(images)
    leave_out(left_out, "for another image of the patient was drawn", others)
    found = splits.of_patients(images["patient"], options["splits"], options["name"], seed)
    images = images.assign(split=found)
    taken = found != ""
    mirrored = np.zeros(len(images), bool)
    mirrored[taken] = splits.half_of_each(found[taken], images.loc[taken, "patient"], seed)
    label = mirrored.astype(np.int8)
    frame = long(images, "situs", label, left_out, mirrored=mirrored, true_label=label)
    made = Cohort(frame, CLASSES, left_out=left_out)
    check_classes(made, options["name"])
    return made
