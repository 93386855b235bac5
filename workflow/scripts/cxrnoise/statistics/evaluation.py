"""How well a network predicts the given labels of the test images.

Everything is measured against the given labels, because in general nobody knows the true ones.
A measure that does not exist, such as an AUC without a positive image, is NaN: an empty cell in a
file.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.scores.run import Run
from cxrnoise.statistics import replicates
from cxrnoise.statistics.intervals import NOTHING, Estimate, share

COLUMNS = ["label", "measure", "value", "low", "high", "n", "how"]


@dataclass(frozen=True)
class Predicted:
    """Labels (1 positive, 0 negative), probabilities of 1, and patients of n images, each (n,)."""

    label: np.ndarray
    probability: np.ndarray
    patient: np.ndarray

    @cached_property
    def thresholds(self) -> np.ndarray:
        """The different probabilities, the highest first."""
        return np.unique(self.probability)[::-1]

    @cached_property
    def _rank(self) -> np.ndarray:
        return np.searchsorted(-self.thresholds, -self.probability)

    def counts(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the weight of the positive and of the negative images at each threshold."""
        of_label = (weight * (self.label == label) for label in (1, 0))
        return tuple(np.bincount(self._rank, part, len(self.thresholds)) for part in of_label)


def evaluate(test: Run, validation: Run | None, seed: int) -> pd.DataFrame:
    """Measure a network on the test split.

    A task of two classes (`situs`, `finding`) has the measures of `binary`. Several findings have
    the same, each without the images whose label is masked. A task of more classes has the measures
    of `several`.

    Parameters
    ----------
    test, validation: the same run on both splits, or None without a validation split.
    seed: of the bootstrap.

    Returns
    -------
    One row a measure: label (of the finding, or of the task), measure, value, low and high (95 %
    interval), n (images) and how the interval was made.
    """
    if test.exclusive and len(test.classes) > 2:
        found = {test.labels["label"].iloc[0]: several(test, seed)}
    else:
        held_back = {} if validation is None else parts(validation)
        found = {
            label: binary(part, held_back.get(label), seed) for label, part in parts(test).items()
        }
    rows = [
        (label, measure, *estimate)
        for label, measures in found.items()
        for measure, estimate in measures.items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def parts(run: Run) -> dict[str, Predicted]:
    """Return the images of a binary task, or those of each finding, by the name of the label."""
    if run.exclusive:
        return {run.labels["label"].iloc[0]: _known(run, run.given, run.probabilities[:, 1])}
    return {
        finding: _known(run, run.given[:, column], run.probabilities[:, column])
        for column, finding in enumerate(run.classes)
    }


def _known(run: Run, given: np.ndarray, probability: np.ndarray) -> Predicted:
    """Leave out the images without a given label."""
    patient = run.labels.drop_duplicates("image")["patient"].to_numpy()
    known = given != UNKNOWN
    return Predicted(given[known], probability[known].astype(np.float64), patient[known])


def binary(test: Predicted, validation: Predicted | None, seed: int) -> dict[str, Estimate]:
    """Return the measures of one binary label by name.

    The intervals of AUC, average precision and Brier score are percentiles of a bootstrap of
    patients, because images of one patient are alike; those of the shares are Wilson's.
    """

    def measured(weight: np.ndarray) -> dict[str, float]:
        return {name: measure(test, weight) for name, measure in MEASURES.items()}

    found = _bootstrapped(measured, test.patient, seed)
    by_validation = np.nan if validation is None else youden(validation)
    for name, threshold in (("0.5", 0.5), ("validation", by_validation)):
        found[f"threshold_{name}"] = _plain(threshold, len(test.label))
        found |= _at_threshold(test, threshold, name)
    found["images"] = _plain(len(test.label), len(test.label))
    found["positive"] = _plain(test.label.sum(), len(test.label))
    return found


def several(test: Run, seed: int) -> dict[str, Estimate]:
    """Return the measures of a task of more than two classes by name.

    AUC and average precision are those of each class against the rest, and `_macro`, their mean
    over the classes that have one. The accuracy is that of the most probable class.
    """
    of_class = {
        name: _known(test, _against_the_rest(test.given, number), test.probabilities[:, number])
        for number, name in enumerate(test.classes)
    }
    patient = next(iter(of_class.values())).patient
    n = len(patient)

    def measured(weight: np.ndarray) -> dict[str, float]:
        found = {}
        for name in ("auc", "average_precision"):
            values = {key: MEASURES[name](part, weight) for key, part in of_class.items()}
            found[f"{name}_macro"] = _mean(values.values())
            found |= {f"{name}_{key}": value for key, value in values.items()}
        return found

    found = _bootstrapped(measured, patient, seed)
    found["accuracy"] = share((test.predicted == test.given).sum(), n)
    found["images"] = _plain(n, n)
    return found | {f"images_{key}": _plain(part.label.sum(), n) for key, part in of_class.items()}


def _against_the_rest(given: np.ndarray, number: int) -> np.ndarray:
    return np.where(given == UNKNOWN, UNKNOWN, given == number)


def _mean(values: Iterable[float]) -> float:
    """Return the mean of the values that exist."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else np.nan


def _plain(number: float, n: int) -> Estimate:
    return Estimate(float(number), np.nan, np.nan, n)


def auc(test: Predicted, weight: np.ndarray) -> float:
    """Return the area under the ROC curve of weighted images, NaN unless both classes are there."""
    positive, negative = test.counts(weight)
    pairs = positive.sum() * negative.sum()
    if pairs == 0:
        return np.nan
    below = negative.sum() - np.cumsum(negative)
    return float((positive * (below + negative / 2)).sum() / pairs)


def average_precision(test: Predicted, weight: np.ndarray) -> float:
    """Return Σ precision × step in recall over the thresholds, NaN without a positive image."""
    positive, negative = test.counts(weight)
    if positive.sum() == 0:
        return np.nan
    called = np.maximum(np.cumsum(positive + negative), 1)  # weights are whole numbers
    return float((positive * np.cumsum(positive) / called).sum() / positive.sum())


def brier(test: Predicted, weight: np.ndarray) -> float:
    """Return the mean of (probability - label)² of weighted images, NaN without any."""
    if weight.sum() == 0:
        return np.nan
    return float((weight * (test.probability - test.label) ** 2).sum() / weight.sum())


MEASURES = {"auc": auc, "average_precision": average_precision, "brier": brier}


def youden(validation: Predicted) -> float:
    """Return the threshold with the largest sum of sensitivity and specificity.

    It is NaN where no threshold is better than chance, as without positive or negative images.
    """
    positive, negative = validation.counts(np.ones(len(validation.label)))
    if positive.sum() == 0 or negative.sum() == 0:
        return np.nan
    gain = np.cumsum(positive) / positive.sum() - np.cumsum(negative) / negative.sum()
    best = gain.argmax()
    return float(validation.thresholds[best]) if gain[best] > 0 else np.nan


def _bootstrapped(
    measured: Callable[[np.ndarray], dict[str, float]], patient: np.ndarray, seed: int
) -> dict[str, Estimate]:
    """Return each measure with its interval over resamples of the patients.

    The interval is that of the resamples for which the measure exists.

    Parameters
    ----------
    measured: takes weights of the images (n,), returns the measures by name, NaN for one that does
        not exist.
    """
    n = len(patient)
    drawn, [column] = replicates.draws([patient], seed)
    resampled = pd.DataFrame([measured(weight[column].astype(np.float64)) for weight in drawn])
    return {
        name: replicates.estimate(np.array([value]), resampled[name].to_numpy()[np.newaxis], n)
        for name, value in measured(np.ones(n)).items()
    }


def _at_threshold(test: Predicted, threshold: float, name: str) -> dict[str, Estimate]:
    """Return shares and numbers of images at a threshold; NaN where there is no threshold."""
    called, label = test.probability >= threshold, test.label == 1
    numbers = {
        "true_negative": (~called & ~label).sum(),
        "false_positive": (called & ~label).sum(),
        "false_negative": (~called & label).sum(),
        "true_positive": (called & label).sum(),
    }
    tn, fp, fn, tp = numbers.values()
    shares = {
        "accuracy": share(tn + tp, len(label)),
        "sensitivity": share(tp, tp + fn),
        "specificity": share(tn, tn + fp),
        "positive_predictive_value": share(tp, tp + fp),
    }
    found = shares | {kind: _plain(number, len(label)) for kind, number in numbers.items()}
    if np.isnan(threshold):
        found = {measure: Estimate(*NOTHING, len(label)) for measure in found}
    return {f"{measure}_{name}": estimate for measure, estimate in found.items()}
