"""One of N classes, as one column of the metadata names them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.tasks import columns, splits
from cxrnoise.tasks.cohorts import Cohort, check_classes, check_filled, known, long, of_views

MOST = 127  # classes: labels are 8-bit numbers


def cohort(index: pd.DataFrame, options: Mapping, seed: int) -> Cohort:
    """Return the cohort, sorted by image. Patients are spread by the rarest class they have.

    Images with an empty cell are left out.

    Options: name, views, column, splits (counts or shares of images).
    Raises `UserError` when a split would have no image of a class.
    """
    name = options["name"]
    left_out: dict[str, int] = {}
    images = of_views(index, options, left_out).sort_values("image", ignore_index=True)
    column = columns.named(index, options["column"], f"tasks.{name}.column")
    texts = images[column].str.strip()
    classes = sorted(set(texts) - {""})
    _check_number(classes, column, name)
    numbers = {text: number for number, text in enumerate(classes)} | {"": UNKNOWN}
    reported = texts.map(numbers).to_numpy(np.int8)
    images = known(images.assign(reported=reported), reported, column, left_out)
    numbers = images["reported"].value_counts().sort_index()
    rank = images["reported"].map(numbers.rank(method="first"))
    images = images.assign(stratum=rank.groupby(images["patient"]).transform("min"))
    images = splits.with_strata(images, options["splits"], name, seed)
    frame = long(images, column, images["reported"], left_out)
    made = Cohort(frame, classes, left_out=left_out)
    check_filled(images, name)
    check_classes(made, name)
    return made


def _check_number(classes: list[str], column: str, task: str) -> None:
    if not 2 <= len(classes) <= MOST:
        raise UserError(
            f"tasks.{task}.column is {column}, which has {len(classes)} different values "
            f"({columns.listed(classes, 3)}): name a column of 2 to {MOST} classes."
        )
