"""How far the readers of an audit agree with each other, and each with himself or herself."""

from itertools import combinations

import numpy as np
import pandas as pd

from cxrnoise.audit.counts import ALL
from cxrnoise.statistics import agreement
from cxrnoise.statistics.intervals import Estimate, share

KEY = ["image", "label"]
UNSURE = "not sure"
FLEISS, AC1, COHEN = "fleiss_kappa", "gwet_ac1", "cohen_kappa"
SAME = "same_answer_to_repeat"
COLUMNS = ["label", "statistic", "reader", "n", "estimate", "low", "high"]


def agree(readings: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """Return how far readers agree; "not sure" is an answer like the others.

    Parameters
    ----------
    readings: the manifest `audit_readings`: reader, image, label, answer, and again for a case that
        was shown a second time.
    classes: the names of the answers.

    Returns
    -------
    `COLUMNS`, one row a label, statistic and reader. `fleiss_kappa` and `gwet_ac1` are of all
    readers, `cohen_kappa` of two (as "Ann & Bob"), `same_answer_to_repeat` (the share of the labels
    of repeated cases) of one. n is the number of labels behind the estimate. Where there are
    several findings, `all` takes them together; it has no interval, because the labels of an image
    are alike.
    """
    words = dict(enumerate(classes))
    said = readings.assign(answer=readings["answer"].map(words).fillna(UNSURE))
    first = said[~said["again"]].pivot(index=KEY, columns="reader", values="answer")
    repeats = said[said["again"]].merge(said[~said["again"]], on=["reader", *KEY])
    repeats = repeats.assign(same=repeats["answer_x"] == repeats["answer_y"])
    labels = list(first.index.unique("label"))
    rows = []
    if len(labels) > 1:
        for statistic, reader, found in _statistics(first, repeats, classes):
            without = found._replace(low=np.nan, high=np.nan)
            rows.append(_row(ALL, statistic, reader, without))
    for label in labels:
        answers = first.xs(label, level="label")
        own = repeats[repeats["label"] == label]
        rows += [_row(label, *found) for found in _statistics(answers, own, classes)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(label: str, statistic: str, reader: str, found: Estimate) -> tuple:
    return label, statistic, reader, found.n, found.value, found.low, found.high


def _statistics(answers: pd.DataFrame, repeats: pd.DataFrame, classes: list[str]) -> list[tuple]:
    """Return (statistic, reader, estimate) of the answers, a row a label and a column a reader."""
    found = []
    if len(answers.columns) > 1:
        counts = agreement.count(answers, classes)
        found.append((FLEISS, ALL, agreement.fleiss(counts)))
        found.append((AC1, ALL, agreement.ac1(counts)))
    for one, two in combinations(answers.columns, 2):
        both = answers[[one, two]].dropna()
        kappa = agreement.cohen(both[one].to_numpy(str), both[two].to_numpy(str))
        found.append((COHEN, f"{one} & {two}", kappa))
    for reader, own in repeats.groupby("reader"):
        found.append((SAME, reader, share(own["same"].sum(), len(own))))
    return found
