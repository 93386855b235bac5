"""How well a network tells the images that have a reported finding from the others.

Everything is measured against the given labels, for nobody knows the true ones.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    roc_auc_score,
    roc_curve,
)

from cxrnoise.core.randomness import generator
from cxrnoise.scores.measures import wilson

RESAMPLES = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Predicted:
    """Reported labels, probabilities of the finding, and patients of n images, each (n,)."""

    label: np.ndarray
    probability: np.ndarray
    patient: np.ndarray


def predicted(labels: pd.DataFrame, predictions: pd.DataFrame, split: str) -> Predicted:
    """Bring the manifests `labels` and `predictions` of one run together."""
    both = labels[labels["split"] == split].merge(predictions[["image", "p1"]], on="image")
    return Predicted(*(both[name].to_numpy() for name in ("given_label", "p1", "patient")))


def evaluate(test: Predicted, validation: Predicted, seed: int) -> pd.DataFrame:
    """Return the measures of the test split with their 95 % intervals.

    The intervals of AUC, average precision and Brier score are percentiles of a bootstrap of
    patients, since images of one patient are alike; those of the shares are Wilson's. The second
    threshold maximises sensitivity + specificity (Youden) on the validation split.

    Returns
    -------
    One row per measure: measure, value, low, high.
    """
    rows = [_bootstrapped(name, score, test, seed) for name, score in SCORES.items()]
    for name, threshold in (("0.5", 0.5), ("validation", youden(validation))):
        rows.append((f"threshold_{name}", threshold, np.nan, np.nan))
        rows += _shares(test, threshold, name)
    rows += [("images", len(test.label), np.nan, np.nan)]
    rows += [("positive", int(test.label.sum()), np.nan, np.nan)]
    return pd.DataFrame(rows, columns=["measure", "value", "low", "high"])


def youden(predicted: Predicted) -> float:
    """Return the threshold with the largest sum of sensitivity and specificity."""
    false_positive, true_positive, thresholds = roc_curve(predicted.label, predicted.probability)
    best = np.argmax(true_positive - false_positive)
    return float(min(thresholds[best], 1.0))


SCORES = {
    "auc": roc_auc_score,
    "average_precision": average_precision_score,
    "brier": brier_score_loss,
}


def _bootstrapped(name, score, test: Predicted, seed: int) -> tuple[str, float, float, float]:
    """Return the score and its interval over resampled patients."""
    rng = generator(seed, "bootstrap of patients")
    patients, of_patient = np.unique(test.patient, return_inverse=True)
    values = []
    while len(values) < RESAMPLES:
        drawn = rng.multinomial(len(patients), np.full(len(patients), 1 / len(patients)))
        weight = drawn[of_patient]
        if len(np.unique(test.label[weight > 0])) == 2:
            values.append(score(test.label, test.probability, sample_weight=weight))
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return name, score(test.label, test.probability), low, high


def _shares(test: Predicted, threshold: float, name: str) -> list[tuple]:
    positive = test.probability >= threshold
    (true_negative, false_positive), (false_negative, true_positive) = confusion_matrix(
        test.label, positive, labels=[0, 1]
    )
    shares = {
        "accuracy": (true_negative + true_positive, len(positive)),
        "sensitivity": (true_positive, true_positive + false_negative),
        "specificity": (true_negative, true_negative + false_positive),
        "positive_predictive_value": (true_positive, true_positive + false_positive),
    }
    rows = [
        (f"{share}_{name}", part / whole, *wilson(part / whole, whole))
        if whole
        else (f"{share}_{name}", np.nan, np.nan, np.nan)
        for share, (part, whole) in shares.items()
    ]
    counts = {
        "true_negative": true_negative,
        "false_positive": false_positive,
        "false_negative": false_negative,
        "true_positive": true_positive,
    }
    return rows + [(f"{kind}_{name}", int(n), np.nan, np.nan) for kind, n in counts.items()]
