"""Small tables of detection, made by hand, for tests of its page."""

import pandas as pd

from cxrnoise.report import detected

BETTER, WORSE, UNCLEAR = (0.02, 0.01, 0.03), (-0.02, -0.03, -0.01), (0.02, -0.01, 0.05)
PLACE = {"task": "situs", "noise": "8", "by": "test", "truth": "labels"}


def rows_of(label="all", direction="any", scores=None, wrong=80, n=1000, **place):
    """Return the rows of one label and direction.

    scores: average precision and the difference to cleanlab's of each, as `(0.9, BETTER)`.
    """
    place = PLACE | {"seeds": 1, "how": "bootstrap of patients"} | place
    place |= {"label": label, "direction": direction}
    rows = [
        place | {"score": "", "measure": "wrong", "value": wrong, "n": n, "how": ""},
        place | {"score": "", "measure": "prevalence", "value": wrong / n, "n": n, "how": ""},
    ]
    for score, (value, differences) in (scores or {}).items():
        names = ("difference", "difference_low", "difference_high")
        for measure in detected.MEASURES:
            row = place | {"score": score, "measure": measure, "n": n}
            row |= {"value": value, "low": value - 0.01, "high": value + 0.01}
            rows.append(row | dict(zip(names, differences, strict=True)))
    return rows


NONE = (float("nan"),) * 3
SCORES = {
    "self_confidence": (0.7, NONE),
    "margin": (0.7, (0, 0, 0)),
    "neighbours": (0.9, BETTER),
    "uncertainty": (0.09, WORSE),
}


def reviews_of(scores, wrong=80, n=1000, **place):
    """Return curves that rise by each score's average precision until all are found."""
    speeds = {score: value for score, (value, _) in scores.items()}
    speeds |= {"random": wrong / n, "oracle": 1}
    rows = []
    for score, speed in speeds.items():
        for reviewed in range(0, n + 1, 20):
            accuracy = 1 - max(wrong - speed * reviewed, 0) / n
            rows.append(
                PLACE
                | {"score": score, "label": "all", "reviewed": reviewed}
                | {"label_accuracy": accuracy, "low": accuracy - 0.01, "high": accuracy}
                | place
            )
    return rows


def readers_of(**place):
    """Return two readers, one of them careful."""
    place = PLACE | place | {"label": "all", "n": 80, "how": "bootstrap of patients", "ties": 12}
    return [
        place
        | {"reader": reader, "measure": measure}
        | {"value": value, "low": value - 0.1, "high": value + 0.1}
        for reader, values in {"Ann": (0.8, 0.6), "Bob": (0.5, 0.85)}.items()
        for measure, value in zip(("precision", "recall"), values, strict=True)
    ]


READERS = [*detected.PART, "reader", "label", "measure", "value", "low", "high", "n", "how", "ties"]


def parts(rows=None, reviews=None, phantoms=("situs",), readers=()):
    """Return the parts of these rows, by way of the files that the workflow has."""
    rows = rows if rows is not None else rows_of(scores=SCORES)
    columns = [*detected.PART, "score", "label", "direction", "measure", "seeds", "how"]
    numbers = pd.DataFrame(rows, columns=[*columns, *detected.Number._fields])
    curves = pd.DataFrame(reviews if reviews is not None else reviews_of(SCORES))
    people = pd.DataFrame(readers, columns=READERS)
    return detected.parts(numbers, curves, people, list(phantoms))
