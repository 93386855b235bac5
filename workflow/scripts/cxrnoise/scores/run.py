"""What one trained model says of one split, and how it is read from its files."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from cxrnoise.core import manifests
from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import UNKNOWN

ROUNDING = 1e-3  # of probabilities in single precision


@dataclass(frozen=True)
class Run:
    """What one trained model says of n images.

    labels: the table `labels`, one row a label: image, label, true_label, given_label, flipped, …
    images: strings (n,), the order of the arrays below.
    probabilities: float32 (n, K), of the trained model.
    samples: float32 (T, n, K), of each Monte Carlo sample, or None.
    classes: the K names of the classes or, where not `exclusive`, of the findings.
    exclusive: an image has one label, one of K classes, and the probabilities of a row sum to one;
        else it has a label (0 absent, 1 present) of each of K findings.
    confidence_from: `softmax` (the trained model) or `mc-mean`, the probabilities behind C(x).
    """

    labels: pd.DataFrame
    images: np.ndarray
    probabilities: np.ndarray
    samples: np.ndarray | None
    classes: Sequence[str]
    exclusive: bool
    confidence_from: str = "softmax"

    @cached_property
    def given(self) -> np.ndarray:
        """The given labels, int8 (n,), or (n, K) for findings; `UNKNOWN` where there is none."""
        given = np.full_like(self.predicted, UNKNOWN)
        given[self._places] = self.labels["given_label"]
        return given

    @cached_property
    def predicted(self) -> np.ndarray:
        """The trained model's labels, int8 (n,), or (n, K) for findings."""
        return self.decide(self.probabilities)

    @cached_property
    def mc_mean(self) -> np.ndarray:
        """The mean of the Monte Carlo samples, float64 (n, K)."""
        return self.samples.mean(axis=0, dtype=np.float64)

    @property
    def confident(self) -> np.ndarray:
        """The probabilities behind the confidence C(x), (n, K)."""
        return self.mc_mean if self.confidence_from == "mc-mean" else self.probabilities

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the most probable labels, int8 (n,), or (n, K) for findings; ties go to 0."""
        if self.exclusive:
            return probabilities.argmax(axis=1).astype(np.int8)
        return (probabilities > 0.5).astype(np.int8)

    def signed(self, values: np.ndarray) -> np.ndarray:
        """Return values where the model disagrees with the given label, else minus the values."""
        return np.where(self.predicted != self.given, values, -values)

    def of_labels(self, values: np.ndarray) -> np.ndarray:
        """Return the value of each row of `labels` from an array like `predicted`."""
        return values[self._places]

    @cached_property
    def _places(self) -> tuple[np.ndarray, ...]:
        """Where each row of `labels` stands in an array like `predicted`."""
        rows = pd.Index(self.images).get_indexer(self.labels["image"])
        if self.exclusive:
            return (rows,)
        return rows, pd.Index(self.classes).get_indexer(self.labels["label"])


def read(
    labels: str | Path,
    predictions: str | Path,
    samples: str | Path | None,
    splits: Sequence[str],
    confidence_from: str = "softmax",
) -> Run:
    """Read some splits of a run and bring its files into one order.

    Parameters
    ----------
    labels, predictions: Parquet files of these kinds.
    samples: HDF5 file of Monte Carlo samples (`mcbn.h5`), or None.

    Raises `UserError` when a file is damaged, holds other images than the labels, or holds values
    that are no probabilities.
    """
    if confidence_from == "mc-mean" and not samples:
        raise UserError(
            "measures.confidence is mc-mean, but this run has no Monte Carlo samples: set it to "
            "softmax."
        )
    labelled = manifests.read(labels, "labels")
    predicted = manifests.read(predictions, "predictions")
    classes = predicted.columns[2:].tolist()  # after image and split
    exclusive = set(labelled["label"]) != set(classes)
    labelled = labelled[labelled["split"].isin(splits)].reset_index(drop=True)
    if labelled.empty:
        raise UserError(f"{labels} has no image in {' and '.join(splits)}: check tasks.*.splits.")
    images = labelled["image"].unique()
    rows = _rows(predicted, images, splits, predictions)
    probabilities = predicted[classes].to_numpy(np.float32)[rows]
    _check_probabilities(probabilities, exclusive, predictions)
    drawn = None
    if samples:
        drawn = _read_samples(samples, images, splits)
        _check_probabilities(drawn, exclusive, samples)
    return Run(labelled, images, probabilities, drawn, classes, exclusive, confidence_from)


def _read_samples(path: str | Path, images: np.ndarray, splits: Sequence[str]) -> np.ndarray:
    try:
        with h5py.File(path) as file:
            held = {name: file[name].asstr("utf-8")[:] for name in ("image", "split")}
            samples = file["probabilities"][:]
    except (OSError, KeyError) as error:
        raise UserError(
            f"{path} is not a file of Monte Carlo samples ({error}): delete it and run again."
        ) from error
    return samples[:, _rows(pd.DataFrame(held), images, splits, path)]


def _rows(
    held: pd.DataFrame, wanted: np.ndarray, splits: Sequence[str], path: str | Path
) -> np.ndarray:
    """Return the positions of the images `wanted`, which are those of `splits`, in a file."""
    held = held[held["split"].isin(splits)]
    different = sorted(set(held["image"]) ^ set(wanted))
    if different or held["image"].duplicated().any():
        first = f", the first being {different[0]}" if different else ""
        raise UserError(
            f"{path} does not hold the {' and '.join(splits)} images of the labels "
            f"({len(held)} and {len(wanted)} rows, {len(different)} images differ{first}): "
            "delete it and run again."
        )
    return held.index[pd.Index(held["image"]).get_indexer(wanted)].to_numpy()


def _check_probabilities(probabilities: np.ndarray, exclusive: bool, path: str | Path) -> None:
    if exclusive and not np.allclose(probabilities.sum(axis=-1), 1, atol=ROUNDING):
        raise UserError(
            f"{path} has probabilities that do not sum to one: delete it and run again."
        )
    between = (probabilities >= -ROUNDING) & (probabilities <= 1 + ROUNDING)  # NaN is not
    if not between.all():
        raise UserError(
            f"{path} has probabilities that are not between 0 and 1: delete it and run again."
        )
