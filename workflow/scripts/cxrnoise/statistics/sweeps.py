"""How many Monte Carlo samples are enough: U(x) against their number T.

Smaller numbers are drawn from the samples that are stored, so they cost no pass of the network.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.core.randomness import generator
from cxrnoise.scores import uncertainty
from cxrnoise.scores.run import Run
from cxrnoise.statistics.intervals import NOTHING, Estimate

SIZES = (2, 5, 10, 20, 50, 100, 200)  # values of T
DRAWS = 20
COLUMNS = ["samples", "measure", "value", "low", "high", "n", "how"]


def sweep(run: Run, seed: int) -> pd.DataFrame:
    """Measure U(x) and the mean of the samples at every T of `SIZES` that the stored samples allow.

    Parameters
    ----------
    run: a run with S samples.
    seed: of the draws of T among them.

    Returns
    -------
    One row per T and measure: samples (T), measure, value (the mean over the draws), low and high
    (2.5 and 97.5 % of the draws), n (labels) and how. The draws share samples, the more the closer
    T is to S, so low and high show the luck of the draw and not that of the test set.

    split_half: Spearman's correlation of U from T samples with U from T others, -1 to 1; for T up
    to S / 2. It says when T is enough.
    auroc: of the score `uncertainty` for wrong labels, 0 to 1.
    accuracy: of the mean of T samples against the true labels, 0 to 1.
    accuracy_network: of the trained network itself, with T = 0.

    Labels without a given or a true label take no part in the last three. A measure that does not
    exist, such as an AUROC without a wrong label, is NaN.
    """
    stored = len(run.samples)
    rows = [(0, "accuracy_network", *_plain(accuracy(run, run.predicted), _known(run).sum()))]
    for size in SIZES:
        if 2 * size <= stored:
            rows.append((size, "split_half", *_drawn(split_half, run, size, seed)))
        if size <= stored:
            rows.append((size, "auroc", *_drawn(auroc, run, size, seed)))
            rows.append((size, "accuracy", *_drawn(accuracy_of_mean, run, size, seed)))
    return pd.DataFrame(rows, columns=COLUMNS)


def split_half(run: Run, order: np.ndarray, size: int) -> float:
    """Return the rank correlation of U from the first `size` samples in `order` with the next."""
    first, second = (
        uncertainty.paper(replace(run, samples=run.samples[half])).ravel()
        for half in (order[:size], order[size : 2 * size])
    )
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return np.nan
    return float(spearmanr(first, second).statistic)


def auroc(run: Run, order: np.ndarray, size: int) -> float:
    """Return how well U from the first `size` samples in `order` tells wrong from right labels."""
    suspicion = run.of_labels(uncertainty.score(replace(run, samples=run.samples[order[:size]])))
    known, wrong = _known(run), _wrong(run)
    if len(set(wrong[known])) < 2:
        return np.nan
    return float(roc_auc_score(wrong[known], suspicion[known]))


def accuracy_of_mean(run: Run, order: np.ndarray, size: int) -> float:
    """Return the accuracy of the mean of the first `size` samples in `order`."""
    mean = run.samples[order[:size]].mean(axis=0, dtype=np.float64)
    return accuracy(run, run.decide(mean))


def accuracy(run: Run, predicted: np.ndarray) -> float:
    """Return the share of the known true labels that are predicted; `predicted` as in `Run`."""
    known = _known(run)
    if not known.any():
        return np.nan
    right = run.of_labels(predicted) == run.labels["true_label"].to_numpy()
    return float(right[known].mean())


def _drawn(
    measure: Callable[[Run, np.ndarray, int], float], run: Run, size: int, seed: int
) -> Estimate:
    """Return the mean of a measure over draws of `size` of the stored samples."""
    stored = len(run.samples)
    number = run.predicted.size if measure is split_half else _known(run).sum()
    if size == stored:
        return _plain(measure(run, np.arange(stored), size), number)
    values = [
        measure(run, generator(seed, "sweep", size, draw).permutation(stored), size)
        for draw in range(DRAWS)
    ]
    low, high = np.percentile(values, [2.5, 97.5])
    return Estimate(float(np.mean(values)), low, high, number, f"{DRAWS} draws of samples")


def _plain(value: float, number: int) -> Estimate:
    return Estimate(*NOTHING, number)._replace(value=value)


def _known(run: Run) -> np.ndarray:
    columns = run.labels[["given_label", "true_label"]].to_numpy()
    return (columns != UNKNOWN).all(axis=1)


def _wrong(run: Run) -> np.ndarray:
    return (run.labels["given_label"] != run.labels["true_label"]).to_numpy()
