"""Several findings at once: one network with a probability each."""

import logging
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.tasks import columns, splits, values
from cxrnoise.tasks.cohorts import Cohort, check_classes, check_filled, known, long, of_views

# Columns of archives that may hold 0 and 1 and are no finding.
OTHERS = {"no_finding", "sex", "gender", "patient_sex", "patient_gender", "age", "follow-up_#"}


def cohort(index: pd.DataFrame, options: Mapping, seed: int) -> Cohort:
    """Return the cohort, sorted by image, then by finding in the order of the configuration.

    Patients are spread over the splits by the rarest finding that they have. An image of which
    some findings are not known has -1 for these.

    Options: name, views, findings (a list of columns; or `all` that the index knows to be
    findings in `attrs["classes"]`, or that look like some), splits (counts or shares of images),
    uncertain, empty, words.
    Raises `UserError` when a split would have no positive or no negative of a finding.
    """
    name = options["name"]
    left_out: dict[str, int] = {}
    images = of_views(index, options, left_out).sort_values("image", ignore_index=True)
    named = options["findings"]
    if named == "all":
        named = index.attrs.get("classes") or _all(
            images, f"tasks.{name}.findings", options.get("words", {})
        )
    names = [columns.named(images, finding, f"tasks.{name}.findings") for finding in named]
    reported = np.stack(
        [values.read(images, finding, *values.rules(options)) for finding in names], axis=1
    )
    images = known(images, reported, f"tasks.{name}.findings", left_out)
    reported = reported[images.index]
    images = images.assign(stratum=_rarest(images["patient"], reported == values.PRESENT))
    images = splits.with_strata(images, options["splits"], name, seed)
    repeated = images.loc[images.index.repeat(len(names))]
    frame = long(repeated, np.tile(names, len(images)), reported.ravel(), left_out)
    made = Cohort(frame, values.CLASSES, exclusive=False, left_out=left_out)
    check_filled(images, name)
    check_classes(made, name)
    return made


def _all(images: pd.DataFrame, key: str, words: Iterable[str]) -> list[str]:
    """Return the columns that hold 1, 0 and the like."""
    there = columns.of_labels(images)
    found = [
        name
        for name in there
        if columns.slug(name) not in OTHERS and values.is_finding_column(images[name], words)
    ]
    if not found:
        raise UserError(
            f"{key} is all, but no column of the metadata has only 1, 0 and the like: the columns "
            f"are {columns.listed(there)}."
        )
    others = [name for name in there if name not in found]
    logging.info("%s: %s (not: %s)", key, ", ".join(found), ", ".join(others))
    return found


def _rarest(patients: pd.Series, present: np.ndarray) -> np.ndarray:
    """Return for each image the number of the rarest finding its patient has, or their count."""
    of_patient = pd.DataFrame(present).groupby(patients.to_numpy()).transform("max").to_numpy()
    order = np.argsort(present.sum(axis=0), kind="stable")
    none = ~of_patient.any(axis=1)
    return np.where(none, len(order), order[of_patient[:, order].argmax(axis=1)])
