"""Who takes part, in which split, and what is true of them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from .errors import UserError
from .manifests import SPLITS
from .randomness import uniform


def situs(index: pd.DataFrame, sizes: Mapping[str, float], seed: int) -> pd.DataFrame:
    """Return the cohort of simulated situs inversus (paper, section 2.2).

    One random PA image of each patient; exactly half of each split, rounded down, is
    mirrored, which is the true label 1.

    Parameters
    ----------
    index: an `index` manifest.
    sizes: images of each split, or their shares of all patients.

    Raises `UserError` when there is no PA image, the splits are larger than the cohort, or one
    of them is empty.
    """
    images = one_per_patient(index[index["view"] == "PA"], seed)
    if images.empty:
        raise UserError(
            "the cohort is empty, for no image has the view position PA: "
            "check that metadata and images belong together."
        )
    cohort = images[["image", "patient"]].assign(
        split=assign_splits(images["patient"], sizes, "situs", seed)
    )
    cohort = cohort[cohort["split"] != ""]
    mirrored = half_of_each(cohort["split"], cohort["patient"], seed)
    return cohort.assign(mirrored=mirrored, true_label=mirrored.astype(np.int8)).reset_index(
        drop=True
    )


def one_per_patient(images: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return one random image of each patient, in the order of the patients' identifiers."""
    drawn = images.assign(_draw=uniform(seed, "image of the patient", images["image"]))
    first = drawn.sort_values(["patient", "_draw"]).groupby("patient", sort=True).head(1)
    return first.drop(columns="_draw").reset_index(drop=True)


def assign_splits(
    patients: pd.Series, sizes: Mapping[str, float], task: str, seed: int
) -> np.ndarray:
    """Return the split of each patient, "" for those who are left over.

    Patients come in random order; the first go to train, the next to val and to test.
    """
    counts = {split: _count(sizes[split], len(patients)) for split in SPLITS}
    wanted = sum(counts.values())
    if wanted > len(patients):
        raise UserError(
            f"{task}.splits asks for {wanted} patients ({_text(counts)}) and the cohort has "
            f"{len(patients)}: lower the numbers or give shares that add up to 1."
        )
    empty = [split for split, count in counts.items() if count == 0]
    if empty:
        raise UserError(
            f"{task}.splits leaves no patient for {', '.join(empty)} ({_text(counts)} of "
            f"{len(patients)}): raise its share or give whole numbers."
        )
    names = np.repeat([*SPLITS, ""], [*counts.values(), len(patients) - wanted])
    splits = np.empty(len(patients), dtype=object)
    splits[np.argsort(uniform(seed, "split", patients), kind="stable")] = names
    return splits


def half_of_each(groups: pd.Series, keys: pd.Series, seed: int) -> np.ndarray:
    """Return True for exactly half of each group, rounded down, drawn at random by key."""
    draws = pd.Series(uniform(seed, "mirrored", keys), index=groups.index)
    rank = draws.groupby(groups).rank(method="first")
    size = draws.groupby(groups).transform("size")
    return (rank <= size // 2).to_numpy()


def _count(size: float, patients: int) -> int:
    return int(round(size * patients, 6)) if isinstance(size, float) else size


def _text(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{split} {count}" for split, count in counts.items())
