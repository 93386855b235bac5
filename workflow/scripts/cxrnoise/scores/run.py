"""What one trained model says of one split, and how it is read from its files."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from cxrnoise.core import manifests
from cxrnoise.core.errors import UserError
from cxrnoise.core.features import read_features
from cxrnoise.core.manifests import UNKNOWN

ROUNDING = 1e-3  # of probabilities in single precision
# What a user does about a part that a score needs and a run lacks.
PARTS = {
    "samples": "predictions from elsewhere have no Monte Carlo samples, so choose another score",
    "members": "set tasks.NAME.members to at least 2",
    "augmented": "predictions from elsewhere have no images to augment, so choose another score",
    "dropout": "set network.backbone to a network that has dropout layers",
    "features": "only the probe has them (detection.NAME.by: [probe])",
    "dynamics": "only folded runs (detection.NAME.by: [folds]) of at least 5 epochs have them",
}
FEWEST_EPOCHS = 5  # that say how a label was learnt


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

    Further parts, None where a run lacks them:
    members: float32 (M, n, K), of networks that differ in initialisation and order; the trained
        model's own come first.
    augmented: float32 (A, n, K), of augmented copies of the images.
    dropout: float32 (T, n, K), of each sample of Monte Carlo dropout.
    features: float32 (n, d), what the classifier is given.
    dynamics: a row for each row of `labels`: margin and probability of the given label (means over
        the epochs), forgotten, epochs; NaN for a label that was in no training split.
    """

    labels: pd.DataFrame
    images: np.ndarray
    probabilities: np.ndarray
    samples: np.ndarray | None
    classes: Sequence[str]
    exclusive: bool
    confidence_from: str = "softmax"
    members: np.ndarray | None = None
    augmented: np.ndarray | None = None
    dropout: np.ndarray | None = None
    features: np.ndarray | None = None
    dynamics: pd.DataFrame | None = None

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
    def patients(self) -> np.ndarray:
        """The patient of each image, strings (n,)."""
        patients = self.labels.drop_duplicates("image").set_index("image")["patient"]
        return patients.loc[self.images].to_numpy()

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

    def signed(self, values: np.ndarray, predicted: np.ndarray | None = None) -> np.ndarray:
        """Return values where a prediction disagrees with the given label, else minus the values.

        The prediction is the trained model's where none is named. NaN where no label is given.
        """
        predicted = self.predicted if predicted is None else predicted
        signed = np.where(predicted != self.given, values, -values)
        return np.where(self.given == UNKNOWN, np.nan, signed)

    def of_given(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the probability of each given label, float64 (n,), or (n, K) for findings.

        Parameters
        ----------
        probabilities: (n, K). NaN where no label is given.
        """
        probabilities = np.asarray(probabilities, dtype=np.float64)
        if self.exclusive:
            given = probabilities[np.arange(len(self.given)), self.given]
        else:
            given = np.where(self.given == 1, probabilities, 1 - probabilities)
        return np.where(self.given == UNKNOWN, np.nan, given)

    def of_labels(self, values: np.ndarray) -> np.ndarray:
        """Return the value of each row of `labels` from an array like `predicted`."""
        return values[self._places]

    def of_rows(self, values: pd.Series) -> np.ndarray:
        """Return a value of each row of `labels` as an array like `predicted`, float64.

        NaN where no label is given.
        """
        found = np.full(self.predicted.shape, np.nan)
        found[self._places] = values
        return np.where(self.given == UNKNOWN, np.nan, found)

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
    members: Sequence[str | Path] = (),
    augmented: str | Path | None = None,
    dropout: str | Path | None = None,
    features: str | Path | None = None,
    dynamics: str | Path | None = None,
) -> Run:
    """Read some splits of a run and bring its files into one order.

    Parameters
    ----------
    labels, predictions, dynamics: Parquet files of these kinds.
    members: the predictions of each further member of the ensemble.
    samples, augmented, dropout: HDF5 files in the layout of `mcbn.h5`.
    features: HDF5 file of `image` (n,) and `features` (n, d); it may have further images.

    Raises `UserError` when a file is damaged, holds other images or classes than the labels, or
    holds values that are no probabilities, and when a training was too short for its dynamics.
    """
    if confidence_from == "mc-mean" and not samples:
        raise UserError(
            "measures.confidence is mc-mean, but this run has no Monte Carlo samples: set it to "
            "softmax."
        )
    labelled = manifests.read(labels, "labels", splits)
    if labelled.empty:
        raise UserError(f"{labels} has no image in {' and '.join(splits)}: check tasks.*.splits.")
    own = _predictions(predictions)
    order = _Order.of(labelled, splits, own)
    ensemble = [own, *map(_predictions, members)]
    return Run(
        labelled,
        order.images,
        order.take(own),
        order.take(_samples(samples)) if samples else None,
        order.classes,
        order.exclusive,
        confidence_from,
        members=np.stack([order.take(member) for member in ensemble]) if members else None,
        augmented=order.take(_samples(augmented)) if augmented else None,
        dropout=order.take(_samples(dropout)) if dropout else None,
        features=read_features([features], order.images) if features else None,
        dynamics=_dynamics(dynamics, labelled) if dynamics else None,
    )


@dataclass(frozen=True)
class _Held:
    """Probabilities as a file holds them.

    rows: image and split of n rows; probabilities: float32 (..., n, K); classes: K names.
    """

    path: str | Path
    rows: pd.DataFrame
    probabilities: np.ndarray
    classes: list[str]


def _predictions(path: str | Path) -> _Held:
    table = manifests.read(path, "predictions")
    classes = table.columns[2:].tolist()  # after image and split
    return _Held(path, table, table[classes].to_numpy(np.float32), classes)


def _samples(path: str | Path) -> _Held:
    """Read a file in the layout of `mcbn.h5`."""
    try:
        with h5py.File(path) as file:
            rows = pd.DataFrame({name: _texts(file[name]) for name in ("image", "split")})
            return _Held(path, rows, file["probabilities"][:], json.loads(file.attrs["classes"]))
    except (OSError, KeyError) as error:
        raise UserError(
            f"{path} is not a file of samples ({error}): delete it and run again."
        ) from error


def _dynamics(path: str | Path, labels: pd.DataFrame) -> pd.DataFrame:
    held = manifests.read(path, "dynamics")
    few = held["epochs"] < FEWEST_EPOCHS
    if few.all():
        raise UserError(
            f"{path} is of a training of {held['epochs'].max():g} epochs, and scores from training "
            f"need at least {FEWEST_EPOCHS}: raise training.epochs or lower training.stop_below."
        )
    held.loc[few, ["margin", "probability", "forgotten"]] = np.nan
    found = labels[["image", "label"]].merge(held, how="left", on=["image", "label"])
    if found["epochs"].isna().all():
        raise UserError(
            f"{path} has none of the labels to be judged, because no network was trained on them: "
            f"{PARTS['dynamics']}."
        )
    return found


def _texts(dataset: h5py.Dataset) -> np.ndarray:
    return dataset.asstr("utf-8")[:]


@dataclass(frozen=True)
class _Order:
    """The order that all files of a run are brought into.

    images: strings (n,), those of `splits`; classes, exclusive: as in a `Run`.
    """

    images: np.ndarray
    splits: Sequence[str]
    classes: list[str]
    exclusive: bool

    @classmethod
    def of(cls, labels: pd.DataFrame, splits: Sequence[str], predictions: _Held) -> "_Order":
        """Return the order of the labels, with the classes of the predictions.

        Predictions are of several findings where their columns have the names of the labels.
        """
        names = labels["label"].unique().tolist()
        exclusive = set(names) != set(predictions.classes)
        expected = labels.attrs["classes"] if len(names) == 1 else names
        if exclusive and predictions.classes != expected:
            raise UserError(_other_classes(predictions, expected))
        return cls(labels["image"].unique(), splits, predictions.classes, exclusive)

    def take(self, held: _Held) -> np.ndarray:
        """Return the probabilities of these images, float32 (..., n, K), after checks."""
        if held.classes != self.classes:
            raise UserError(_other_classes(held, self.classes))
        probabilities = held.probabilities[..., self._rows(held), :]
        if self.exclusive and not np.allclose(probabilities.sum(axis=-1), 1, atol=ROUNDING):
            raise UserError(
                f"{held.path} has probabilities that do not sum to one: delete it and run again."
            )
        between = (probabilities >= -ROUNDING) & (probabilities <= 1 + ROUNDING)  # NaN is not
        if not between.all():
            raise UserError(
                f"{held.path} has probabilities that are not between 0 and 1: delete it and run "
                "again."
            )
        return probabilities

    def _rows(self, held: _Held) -> np.ndarray:
        """Return where the images stand in a file, which must hold these of the splits alone."""
        rows = np.flatnonzero(held.rows["split"].isin(self.splits))
        found = pd.Index(held.rows["image"].to_numpy()[rows])
        _refuse_twice(found, held.path)
        different = sorted(set(found) ^ set(self.images))
        if different:
            raise UserError(
                f"{held.path} does not hold the {' and '.join(self.splits)} images of the labels "
                f"({len(found)} and {len(self.images)} rows, {len(different)} images differ, the "
                f"first being {different[0]}): delete it and run again."
            )
        return rows[found.get_indexer(self.images)]


def _refuse_twice(images: pd.Index, path: str | Path) -> None:
    if images.has_duplicates:
        raise UserError(
            f"{path} holds image {images[images.duplicated()][0]} twice: delete it and run again."
        )


def _other_classes(held: _Held, expected: list[str]) -> str:
    return (
        f"{held.path} has the classes {', '.join(held.classes)} in place of "
        f"{', '.join(expected)}: delete it and run again."
    )
