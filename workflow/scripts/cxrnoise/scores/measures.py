"""Confidence, uncertainty, their groups, and what a disagreement with a label means.

The measures are those of Çallı et al., SPIE Medical Imaging 2019, doi 10.1117/12.2514290.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from cxrnoise.core import manifests
from cxrnoise.core.errors import UserError

log = logging.getLogger(__name__)

GROUPS = ("low", "moderate", "high")
LABEL_ERROR = "A"
TRUE_ERROR = "B"
DISPUTED = "?"


def confidence(probabilities: np.ndarray) -> np.ndarray:
    """Return C(x) = |max_i p(i|x) - 1/N| (Eq. 1).

    Parameters
    ----------
    probabilities: (n, N), rows that sum to one: the softmax, or the mean of the MC samples.

    Returns
    -------
    float64 (n,), from 0 (a guess) to 1 - 1/N (certain).
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    return np.abs(probabilities.max(axis=1) - 1 / probabilities.shape[1])


def uncertainty(samples: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return U(x) = Var(p(i|x)) over the MC samples, i being the predicted class (Eq. 2).

    Parameters
    ----------
    samples: (T, n, N), p(y|x) of every MC sample.
    predicted: integers (n,), the class i of each image.

    Returns
    -------
    float64 (n,), the population variance (divided by T, not T - 1): 0 where all samples agree.
    """
    of_class = samples[:, np.arange(samples.shape[1]), predicted]
    return of_class.astype(np.float64).var(axis=0)


def groups(
    values: np.ndarray,
    images: np.ndarray,
    rule: str = "test-quantiles",
    reference: np.ndarray | None = None,
    sd_factor: float = 1.0,
) -> np.ndarray:
    """Say of each image whether its value is low, moderate or high.

    Parameters
    ----------
    values: (n,), C(x) or U(x) of the whole test set.
    images: (n,), their names; equal values are ranked by name, whatever the order of the rows.
    rule: `test-quantiles`: thirds of the test set by rank, equal in size but for one image;
        `val-quantiles`: low below the first tercile of `reference`, high above the second;
        `mean-sd`: low and high are more than `sd_factor` standard deviations from the mean.
    reference: (m,), the same measure on the validation set (`val-quantiles` only).
    sd_factor: distance from the mean in population standard deviations (`mean-sd` only).

    Returns
    -------
    strings (n,), of `GROUPS`; a high uncertainty means a large U, a high confidence a large C.
    """
    if rule == "test-quantiles":
        codes = _thirds(values, images)
    elif rule == "val-quantiles":
        codes = _between(values, *np.quantile(reference, [1 / 3, 2 / 3]))
    elif rule == "mean-sd":
        ordered = np.sort(values)  # a sum in another order rounds otherwise
        centre, distance = ordered.mean(), sd_factor * ordered.std()
        codes = _between(values, centre - distance, centre + distance)
    else:
        raise UserError(
            f"measures: groups is {rule!r}: choose test-quantiles, val-quantiles or mean-sd."
        )
    return np.array(GROUPS)[codes]


def _thirds(values: np.ndarray, images: np.ndarray) -> np.ndarray:
    codes = np.empty(len(values), dtype=np.int64)
    codes[np.lexsort((np.asarray(images, dtype=str), values))] = (
        np.arange(len(values)) * len(GROUPS) // len(values)
    )
    return codes


def _between(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return (values >= low).astype(np.int64) + (values > high)


def verdict(predicted: np.ndarray, given: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Judge each disagreement of the model with the given label.

    Returns
    -------
    strings (n,): `A` (label error) where the model disagrees and the given label is wrong,
    `B` (true error) where it disagrees and the given label is right, `?` where it disagrees
    and nobody knows what is true, else empty.
    """
    disagrees = predicted != given
    return np.select(
        [disagrees & (true == manifests.UNKNOWN), disagrees & (given != true), disagrees],
        [DISPUTED, LABEL_ERROR, TRUE_ERROR],
        "",
    )


def wilson(proportion: float, n: float) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of a proportion of n."""
    low, high = proportion_confint(proportion * n, n, method="wilson")
    return float(low), float(high)


@dataclass(frozen=True)
class Run:
    """What one trained model says of one split.

    labels: n rows of the manifest `labels`; softmax: float32 (n, N); samples: float32 (T, n, N).
    """

    labels: pd.DataFrame
    softmax: np.ndarray
    samples: np.ndarray


def read_run(labels: str | Path, predictions: str | Path, mcbn: str | Path, split: str) -> Run:
    """Read one split of a run and bring its three files into the order of `labels`.

    Parameters
    ----------
    labels, predictions: the manifests of these kinds.
    mcbn: HDF5 with `probabilities` float32 (T, n, N), `image` and `split` (n,).

    Raises `UserError` when a file is damaged, holds other images than the labels, or holds
    values that are no probabilities.
    """
    labelled = manifests.read(labels, "labels")
    labelled = labelled[labelled["split"] == split].reset_index(drop=True)
    if labelled.empty:
        raise UserError(f"{labels} has no image in the split {split}: check the cohort's splits.")
    softmax = manifests.read(predictions, "predictions")
    rows = _rows(softmax, labelled["image"], split, predictions)
    probabilities = softmax[["p0", "p1"]].to_numpy()[rows]
    samples = _read_samples(mcbn, labelled["image"], split)
    _check_probabilities(probabilities, predictions)
    _check_probabilities(samples, mcbn)
    return Run(labelled, probabilities, samples)


def _read_samples(path: str | Path, wanted: pd.Series, split: str) -> np.ndarray:
    try:
        with h5py.File(path) as file:
            rows = {name: file[name].asstr("utf-8")[:] for name in ("image", "split")}
            samples = file["probabilities"][:]
    except (OSError, KeyError) as error:
        raise UserError(
            f"{path} is not a file of Monte Carlo samples ({error}): delete it and run again."
        ) from error
    return samples[:, _rows(pd.DataFrame(rows), wanted, split, path)]


def _rows(held: pd.DataFrame, wanted: pd.Series, split: str, path: str | Path) -> np.ndarray:
    """Return where `wanted`, the labelled images of `split`, stand in the file `held`."""
    held = held[held["split"] == split]
    different = sorted(set(held["image"]) ^ set(wanted))
    if different or held["image"].duplicated().any():
        first = f", the first being {different[0]}" if different else ""
        raise UserError(
            f"{path} does not hold the {split} images of the labels "
            f"({len(held)} and {len(wanted)} rows, {len(different)} images differ{first}): "
            "delete it and run again."
        )
    return held.index[pd.Index(held["image"]).get_indexer(wanted)].to_numpy()


def _check_probabilities(probabilities: np.ndarray, path: str | Path) -> None:
    if not np.allclose(probabilities.sum(axis=-1), 1, atol=1e-3):
        raise UserError(
            f"{path} has probabilities that do not sum to one: delete it and run again."
        )


def score(
    test: Run,
    confidence_from: str = "softmax",
    rule: str = "test-quantiles",
    sd_factor: float = 1.0,
    validation: Run | None = None,
) -> pd.DataFrame:
    """Score every test image of one run.

    Parameters
    ----------
    confidence_from: `softmax` of the trained model, or `mc-mean`, the mean of the MC samples.
        The prediction that is judged is the trained model's in either case.
    rule, sd_factor: see `groups`.
    validation: the same run on the validation split, needed by the rule `val-quantiles`.

    Returns
    -------
    The manifest `scores`, in the order of `test.labels`.
    """
    certain, unsure = _measured(test, confidence_from)
    references = _measured(validation, confidence_from) if validation else (None, None)
    labels = test.labels
    images, true, given = (
        labels[name].to_numpy() for name in ("image", "true_label", "given_label")
    )
    predicted = test.softmax.argmax(axis=1)
    verdicts = verdict(predicted, given, true)
    log.info(
        "%d test images, accuracy against the given labels %.3f, disagreements %s",
        len(labels),
        (predicted == given).mean(),
        {kind: int((verdicts == kind).sum()) for kind in (LABEL_ERROR, TRUE_ERROR, DISPUTED)},
    )
    return labels[["image", "true_label", "given_label", "flipped"]].assign(
        predicted=predicted,
        mc_predicted=_mc_mean(test).argmax(axis=1),
        confidence=certain,
        uncertainty=unsure,
        confidence_group=groups(certain, images, rule, references[0], sd_factor),
        uncertainty_group=groups(unsure, images, rule, references[1], sd_factor),
        verdict=verdicts,
    )


def _measured(run: Run, confidence_from: str) -> tuple[np.ndarray, np.ndarray]:
    probabilities = run.softmax if confidence_from == "softmax" else _mc_mean(run)
    return confidence(probabilities), uncertainty(run.samples, run.softmax.argmax(axis=1))


def _mc_mean(run: Run) -> np.ndarray:
    return run.samples.mean(axis=0, dtype=np.float64)
