"""Splits into train, val and test. A patient is in one split only.

Sizes are counts (whole numbers) or shares (fractions) of each split. Shares are rounded down; where
they add up to 1, the training split takes what rounding leaves, so that no image is left out.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import SPLITS, UNKNOWN
from cxrnoise.core.randomness import uniform

FILLED = ("test", "val", "train")  # in this order; the largest split comes last


def one_per_patient(images: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return one random image of each patient, in the order of the patients."""
    drawn = images.assign(draw=uniform(seed, "image of the patient", images["image"]))
    first = drawn.sort_values("draw", kind="stable").drop_duplicates("patient")
    return first.sort_values("patient", ignore_index=True).drop(columns="draw")


def of_patients(
    patients: Iterable[str], sizes: Mapping[str, float], task: str, seed: int
) -> np.ndarray:
    """Return the split of each patient, "" for those who are left over.

    Patients come in random order; the first go to train, the next to val and to test.
    """
    draws = uniform(seed, "split", patients)
    counts = _rooms(sizes, len(draws), "patients", task)
    empty = [split for split, count in counts.items() if count == 0]
    if empty:
        raise UserError(
            f"tasks.{task}.splits leaves no patient for {', '.join(empty)} ({_text(counts)} of "
            f"{len(draws)}): raise its share or give whole numbers."
        )
    left_over = len(draws) - sum(counts.values())
    rest = "train" if _add_up_to_one(sizes) else ""
    names = np.repeat(np.array([*SPLITS, rest], object), [*counts.values(), left_over])
    splits = np.empty(len(draws), dtype=object)
    splits[np.argsort(draws, kind="stable")] = names
    return splits


def by_positives(
    patients: pd.DataFrame,
    sizes: Mapping[str, float],
    positives: Mapping[str, float],
    task: str,
    seed: int,
) -> np.ndarray:
    """Return the split of each patient, "" for those who are left over.

    Patients with a positive image come first, in random order, each into the first split whose
    number of positives it does not exceed; then the others, by the numbers of images. Since
    many patients have a single image, every split is filled to the last one. A patient who fits
    nowhere goes to the split that lacks most where shares are asked for, else is left over.

    Parameters
    ----------
    patients: a row each: patient, images, positives (numbers of images).
    sizes: images of each split, or their shares.
    positives: the share of the positive images that each split gets.
    """
    filling = _Filling(patients, sizes, task)
    quota = _quotas(positives, filling.part(patients["positives"].sum()))
    shuffled = _shuffled(patients, "split of a finding", seed)
    positive = shuffled["positives"] > 0
    for patient in shuffled[positive].itertuples():
        fitting = [split for split in filling.fitting(patient) if patient.positives <= quota[split]]
        if fitting:
            filling.put(patient, fitting[0])
            quota[fitting[0]] -= patient.positives
    for patient in shuffled[~positive].itertuples():
        if fitting := filling.fitting(patient):
            filling.put(patient, fitting[0])
    return filling.finished(shuffled)


def by_strata(
    patients: pd.DataFrame, sizes: Mapping[str, float], task: str, seed: int
) -> np.ndarray:
    """Return the split of each patient, "" for those who are left over.

    Strata come from the smallest to the largest. Each is spread in proportion to the sizes, but
    so that a stratum of three patients is in all three splits if there is room. Where the sizes
    are smaller than the cohort, the same part of each stratum is taken.

    Parameters
    ----------
    patients: a row each: patient, images (a number), stratum (any value).
    sizes: images of each split, or their shares.
    """
    filling = _Filling(patients, sizes, task)
    shuffled = _shuffled(patients, "split of strata", seed)
    for _, stratum in sorted(shuffled.groupby("stratum"), key=lambda group: len(group[1])):
        has = dict.fromkeys(FILLED, 0)
        enough = filling.part(stratum["images"].sum())
        for patient in stratum.itertuples():
            fitting = filling.fitting(patient)
            if fitting and sum(has.values()) < enough:
                # Sainte-Laguë's method for seats in a parliament.
                split = max(fitting, key=lambda split: sizes[split] / (2 * has[split] + 1))  # noqa: B023
                has[split] += patient.images
                filling.put(patient, split)
    for patient in filling.left_over(shuffled):
        if fitting := filling.fitting(patient):
            filling.put(patient, fitting[0])
    return filling.finished(shuffled)


def with_strata(
    images: pd.DataFrame, sizes: Mapping[str, float], task: str, seed: int
) -> pd.DataFrame:
    """Return images (patient, stratum, the same for all of a patient) with their `split`."""
    groups = images.groupby("patient")["stratum"].agg(images="size", stratum="first")
    patients = groups.reset_index()
    found = pd.Series(by_strata(patients, sizes, task, seed), index=patients["patient"])
    return images.assign(split=images["patient"].map(found))


def of_folds(labels: pd.DataFrame, folds: int, seed: int, purpose: str = "fold") -> np.ndarray:
    """Return the fold of each row of `labels`, int64 (n,) from 0 to `folds` - 1.

    A patient is in one fold only. Patients are sorted by their stratum and, within it, by a random
    draw, and then dealt out in turn; so the folds have equally many patients of each stratum, or
    one more. The stratum of a patient is the rarest class that his or her labels report, with
    several findings the rarest finding that they report as present. It is the same at all noise
    levels, and so are the folds.

    Parameters
    ----------
    labels: rows of a cohort or of `labels`: patient, label, reported_label.
    purpose: of the draw; parts of another purpose are independent of these.

    Raises `UserError` when there are fewer patients than folds.
    """
    patients = np.unique(labels["patient"].to_numpy(str))
    if len(patients) < folds:
        raise UserError(
            f"{folds} folds need as many patients, and the cohort has {len(patients)}: lower the "
            "number of folds."
        )
    strata = _rarest(labels).reindex(patients)  # NaN, which is sorted last, for those without one
    order = np.lexsort((uniform(seed, purpose, patients), strata))
    found = np.empty(len(patients), np.int64)
    found[order] = np.arange(len(patients)) % folds
    return found[np.searchsorted(patients, labels["patient"].to_numpy(str))]


def _rarest(labels: pd.DataFrame) -> pd.Series:
    """Return the place, by rarity, of the rarest class or finding of each patient who has one."""
    least = 1 if labels["label"].nunique() > 1 else UNKNOWN + 1  # absent is no class of a finding
    reported = labels[labels["reported_label"] >= least]
    having = reported[["patient", "label", "reported_label"]].drop_duplicates()
    numbers = having.groupby(["label", "reported_label"]).size().sort_values(kind="stable")
    places = pd.Series(np.arange(len(numbers)), index=numbers.index, name="place")
    return having.join(places, on=["label", "reported_label"]).groupby("patient")["place"].min()


class _Filling:
    """Splits that are being filled with whole patients, up to a number of images each."""

    def __init__(self, patients: pd.DataFrame, sizes: Mapping[str, float], task: str):
        self._task = task
        self._exact = all(isinstance(size, int) for size in sizes.values())
        self._all = _add_up_to_one(sizes)
        self._images = patients["images"].sum()
        self._room = _rooms(sizes, self._images, "images", task)
        self._wanted = sum(self._room.values())
        self._splits = np.full(len(patients), "", dtype=object)

    def part(self, images: int) -> float:
        """Return how many of some images all splits take, in proportion."""
        return images * self._wanted / max(1, self._images)

    def fitting(self, patient) -> list[str]:
        """Return the splits with room for all images of a patient."""
        return [split for split in FILLED if patient.images <= self._room[split]]

    def put(self, patient, split: str) -> None:
        self._splits[patient.Index] = split
        self._room[split] -= patient.images

    def finished(self, shuffled: pd.DataFrame) -> np.ndarray:
        """Return the split of each patient; those without one go where most images lack.

        Where shares add up to 1, those who are still left over go to train.
        """
        if self._exact and any(self._room.values()):
            raise UserError(
                f"tasks.{self._task}.splits cannot be met exactly without splitting a patient "
                f"({_text(self._room)} images short): change the sizes by a few images, or give "
                "shares."
            )
        if not self._exact:
            for patient in self.left_over(shuffled):
                most = max(FILLED, key=self._room.get)
                if self._room[most] > 0:
                    self.put(patient, most)
                elif self._all:
                    self.put(patient, "train")
        return self._splits

    def left_over(self, shuffled: pd.DataFrame) -> Iterator:
        """Yield the patients without a split."""
        return shuffled[self._splits[shuffled.index] == ""].itertuples()


def half_of_each(groups: np.ndarray, keys: Iterable[str], seed: int) -> np.ndarray:
    """Return True for exactly half of each group, rounded down, drawn at random by key."""
    draws = uniform(seed, "mirrored", keys)
    drawn = np.zeros(len(groups), bool)
    for group in set(groups):
        members = np.flatnonzero(groups == group)
        order = np.argsort(draws[members], kind="stable")
        drawn[members[order[: len(members) // 2]]] = True
    return drawn


def without_test(sizes: Mapping[str, float]) -> dict[str, float]:
    """Return the sizes of train and val where the test split is given.

    Shares grow so that they add up as before.
    """
    both = sizes["train"] + sizes["val"]
    grown = sum(sizes.values()) / both if isinstance(both, float) else 1
    return {"train": sizes["train"] * grown, "val": sizes["val"] * grown, "test": 0}


def images_named(path: str | Path, key: str) -> frozenset[str]:
    """Return the images that a CSV file names in its column `image` or `Image ID`, once each."""
    try:
        table = pd.read_csv(path, dtype=str)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{path} cannot be read ({reason}): set {key} to a CSV file, or to none."
        ) from error
    column = next((name for name in ("image", "Image ID") if name in table), None)
    if column is None:
        raise UserError(f"{path} has no column image or Image ID: {key} needs one of them.")
    return frozenset(table[column].dropna().str.strip())


def _rooms(sizes: Mapping[str, float], total: int, what: str, task: str) -> dict[str, int]:
    """Return the sizes as counts of what is split."""
    rooms = {split: _count(sizes[split], total) for split in SPLITS}
    wanted = sum(rooms.values())
    if wanted > total:
        raise UserError(
            f"tasks.{task}.splits asks for {wanted} {what} ({_text(rooms)}) and the cohort has "
            f"{total}: lower the numbers or give shares that add up to 1."
        )
    return rooms


def _add_up_to_one(sizes: Mapping[str, float]) -> bool:
    """Return whether the sizes are shares of all images."""
    total = sum(sizes.values())
    return isinstance(total, float) and round(total, 6) == 1


def _shuffled(patients: pd.DataFrame, purpose: str, seed: int) -> pd.DataFrame:
    draws = uniform(seed, purpose, patients["patient"])
    return patients.reset_index(drop=True).iloc[np.argsort(draws, kind="stable")]


def _quotas(shares: Mapping[str, float], positives: float) -> dict[str, int]:
    """Return the positive images of each split; train gets what rounding leaves."""
    quota = {split: round(shares[split] * positives) for split in ("val", "test")}
    return quota | {"train": round(sum(shares.values()) * positives) - sum(quota.values())}


def _count(size: float, total: int) -> int:
    return int(round(size * total, 6)) if isinstance(size, float) else size


def _text(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{split} {count}" for split, count in counts.items())
