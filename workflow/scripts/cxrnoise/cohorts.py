"""Who takes part, in which split, and what is true of them."""

from collections.abc import Container, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from .errors import UserError
from .manifests import SPLITS, UNKNOWN
from .randomness import uniform

PUBLISHED_PATIENTS = 28868
FILLED = ("test", "val", "train")  # in this order; the largest split comes last


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
    label = mirrored.astype(np.int8)
    return cohort.assign(mirrored=mirrored, true_label=label, reported_label=label).reset_index(
        drop=True
    )


def finding(
    index: pd.DataFrame,
    finding: str,
    cohort: str,
    sizes: Mapping[str, float],
    positives: Mapping[str, float],
    seed: int,
    held_out: Container[str] = (),
) -> pd.DataFrame:
    """Return the cohort of a reported finding (paper, section 2.3).

    All PA images, each patient in one split. The patients with a positive image come first, in
    random order, each into the first split whose number of positives it does not exceed; then
    the others, likewise by the numbers of images. Since many patients have a single image,
    every split is filled to the last one. Where shares are asked for, a patient who fits nowhere
    goes to the split that lacks most.

    Parameters
    ----------
    index: an `index` manifest.
    finding: its name in the reports, whatever the case.
    cohort: `all`, or `published` for the patients of the paper, those below 28868.
    sizes: images of each split, or their shares of the cohort.
    positives: the shares of the positive images that each split gets.
    held_out: images that are the test split in place of a drawn one; the others of their
        patients are left out, and train and val share all other patients.

    Raises `UserError` when no or all images are positive, or the splits are larger than the
    cohort or cannot be filled by whole patients.
    """
    images = index[index["view"] == "PA"]
    if cohort == "published":
        images = images[images["patient"].astype(int) < PUBLISHED_PATIENTS]
    reported = has_finding(images["findings"], finding)
    if reported.nunique() < 2:
        raise UserError(
            f"{reported.sum()} of {len(images)} PA images have the finding {finding}: set finding "
            "to one that the metadata has."
        )
    images = images.assign(reported_label=reported.astype(np.int8), true_label=np.int8(UNKNOWN))
    if held_out:
        images = _held_out(images, held_out, sizes, positives, seed)
    else:
        images["split"] = images["patient"].map(_whole_patients(images, sizes, positives, seed))
    images = images[images["split"] != ""].assign(mirrored=False)
    return images.sort_values("image", ignore_index=True)


def slug(finding: str) -> str:
    """Return the name of a finding in paths: `Pleural Thickening` is `pleural_thickening`."""
    return finding.lower().replace(" ", "_")


def has_finding(findings: pd.Series, finding: str) -> pd.Series:
    """Say of each report, findings joined by "|", whether it has this finding."""
    wanted = slug(finding)
    return findings.map(lambda names: wanted in map(slug, names.split("|"))).astype(bool)


def images_named(path: str | Path | None) -> frozenset[str]:
    """Return the images that a CSV file names in its column `image` or `Image ID`, once each."""
    if path is None:
        return frozenset()
    table = pd.read_csv(path, dtype=str)
    column = next((name for name in ("image", "Image ID") if name in table), None)
    if column is None:
        raise UserError(
            f"{path} has no column image or Image ID: name the images of findings.held_out in one."
        )
    return frozenset(table[column])


def counts(cohort: pd.DataFrame) -> pd.DataFrame:
    """Return images, patients and positive images of each split."""
    groups = cohort.groupby("split").agg(
        images=("image", "size"),
        patients=("patient", "nunique"),
        positive=("reported_label", "sum"),
    )
    return groups.reindex(SPLITS)


def balanced(labels: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return `labels` with rows of the rarer label repeated at random until both are equal.

    Each of them is there at least as often as the ratio rounded down (paper, section 2.3).
    """
    counts = labels["given_label"].value_counts()
    rare = labels[labels["given_label"] == counts.idxmin()]
    times, rest = divmod(counts.max() - counts.min(), len(rare))
    drawn = np.argsort(uniform(seed, "repeated", rare["image"]), kind="stable")[:rest]
    return pd.concat([labels, *[rare] * times, rare.iloc[drawn]], ignore_index=True)


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


def _held_out(
    images: pd.DataFrame,
    held_out: Container[str],
    sizes: Mapping[str, float],
    positives: Mapping[str, float],
    seed: int,
) -> pd.DataFrame:
    test = images["image"].map(lambda image: image in held_out)
    if not test.any():
        raise UserError(
            "none of the images that findings.held_out names is among the PA images of the "
            "cohort: check that the file and the metadata belong together."
        )
    others = images[~images["patient"].isin(images.loc[test, "patient"])]
    splits = _whole_patients(others, _without_test(sizes), _without_test(positives), seed)
    return pd.concat(
        [images[test].assign(split="test"), others.assign(split=others["patient"].map(splits))]
    )


def _without_test(sizes: Mapping[str, float]) -> dict[str, float]:
    """Return sizes of train and val alone; shares grow so that they add up as before."""
    both = sizes["train"] + sizes["val"]
    grown = sum(sizes.values()) / both if isinstance(both, float) else 1
    return {"train": sizes["train"] * grown, "val": sizes["val"] * grown, "test": 0}


def _whole_patients(
    images: pd.DataFrame, sizes: Mapping[str, float], positives: Mapping[str, float], seed: int
) -> pd.Series:
    """Return the split of each patient of `images`, "" for those who are left over."""
    patients = images.groupby("patient")["reported_label"].agg(images="size", positives="sum")
    order = np.argsort(uniform(seed, "split of a finding", patients.index), kind="stable")
    patients = patients.iloc[order]
    room = {split: _count(sizes[split], len(images)) for split in SPLITS}
    wanted = sum(room.values())
    if wanted > len(images):
        raise UserError(
            f"findings.splits asks for {wanted} images ({_text(room)}) and the cohort has "
            f"{len(images)}: lower the numbers or give shares that add up to 1."
        )
    quota = _quotas(positives, patients["positives"].sum() * wanted / len(images))
    exact = all(isinstance(size, int) for size in sizes.values())
    passes = {
        "positive": lambda patient, split: (
            0 < patient.positives <= quota[split] and patient.images <= room[split]
        ),
        "negative": lambda patient, split: patient.positives == 0 and patient.images <= room[split],
        "left over": lambda patient, split: not exact and room[split] == max(room.values()) > 0,
    }
    splits = dict.fromkeys(patients.index, "")
    for fits in passes.values():
        for patient in patients.itertuples():
            split = next((split for split in FILLED if fits(patient, split)), "")
            if split and not splits[patient.Index]:
                splits[patient.Index] = split
                quota[split] -= patient.positives
                room[split] -= patient.images
    if exact and any(room.values()):
        raise UserError(
            f"findings.splits cannot be filled by whole patients ({_text(room)} images are left "
            "to fill): change the numbers by a few images, or give shares."
        )
    return pd.Series(splits)


def _quotas(shares: Mapping[str, float], positives: float) -> dict[str, int]:
    """Return the positive images of each split; train gets what rounding leaves."""
    quota = {split: round(shares[split] * positives) for split in ("val", "test")}
    return quota | {"train": round(sum(shares.values()) * positives) - sum(quota.values())}


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
