"""Who takes part, in which split, and what is true of them."""

from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import compress
from pathlib import Path

import numpy as np
import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import SCHEMAS, SPLITS, UNKNOWN
from cxrnoise.core.ondisk import Query, Tables, rows
from cxrnoise.core.randomness import uniform

PUBLISHED_PATIENTS = 28868
FILLED = ("test", "val", "train")  # in this order; the largest split comes last
COHORT = tuple(SCHEMAS["cohort"].names)
# Of a finding: its images, the patients who have none that is held out, and who is taken.
COUNTS = "SELECT count(*), ifnull(sum(reported_label), 0), ifnull(sum(held_out), 0) FROM images"
PATIENTS = """
SELECT patient, count(*) AS images, sum(reported_label) AS positives FROM images
WHERE patient NOT IN (SELECT patient FROM images WHERE held_out)
GROUP BY patient ORDER BY patient
"""
TAKEN = """
SELECT image, patient, 'test' AS split, reported_label FROM images WHERE held_out
UNION ALL
SELECT image, patient, split, reported_label FROM images JOIN splits USING (patient)
WHERE split <> '' ORDER BY image
"""


def situs(
    index: Iterable[pd.DataFrame], sizes: Mapping[str, float], seed: int
) -> Iterator[pd.DataFrame]:
    """Yield the cohort of simulated situs inversus (paper, section 2.2) in frames.

    One random PA image of each patient; exactly half of each split, rounded down, is
    mirrored, which is the true label 1.

    Parameters
    ----------
    index: frames of an `index` manifest.
    sizes: images of each split, or their shares of all patients.

    Raises `UserError` when there is no PA image, the splits are larger than the cohort, or one
    of them is empty.
    """
    images = one_per_patient(index, seed)
    if next(images.column("patient"), None) is None:
        raise UserError(
            "the cohort is empty, for no image has the view position PA: "
            "check that metadata and images belong together."
        )
    splits = assign_splits(images.column("patient"), sizes, "situs", seed)
    taken = splits != ""
    mirrored = np.zeros(len(splits), bool)
    mirrored[taken] = half_of_each(splits[taken], compress(images.column("patient"), taken), seed)
    end = 0
    for frame in images:
        part = slice(end, end := end + len(frame))
        label = mirrored[part].astype(np.int8)
        cohort = frame.assign(split=splits[part], mirrored=mirrored[part], true_label=label)
        yield cohort.assign(reported_label=label)[taken[part]]


def finding(
    index: Iterable[pd.DataFrame],
    finding: str,
    cohort: str,
    sizes: Mapping[str, float],
    positives: Mapping[str, float],
    seed: int,
    held_out: Container[str] = (),
) -> Iterator[pd.DataFrame]:
    """Yield the cohort of a reported finding (paper, section 2.3) in frames.

    All PA images, each patient in one split. The patients with a positive image come first, in
    random order, each into the first split whose number of positives it does not exceed; then
    the others, likewise by the numbers of images. Since many patients have a single image,
    every split is filled to the last one. Where shares are asked for, a patient who fits nowhere
    goes to the split that lacks most.

    Parameters
    ----------
    index: frames of an `index` manifest.
    finding: its name in the reports, whatever the case.
    cohort: `all`, or `published` for the patients of the paper, those below 28868.
    sizes: images of each split, or their shares of the cohort.
    positives: the shares of the positive images that each split gets.
    held_out: images that are the test split in place of a drawn one; the others of their
        patients are left out, and train and val share all other patients.

    Raises `UserError` when no or all images are positive, or the splits are larger than the
    cohort or cannot be filled by whole patients.
    """
    tables = Tables()
    reports = ("image", "patient", "reported_label", "held_out")
    tables.insert("images", reports, rows(_reports(index, finding, cohort, held_out), reports))
    images, positive, named = tables.run(COUNTS).fetchone()
    if positive in (0, images):
        raise UserError(
            f"{positive} of {images} PA images have the finding {finding}: set finding "
            "to one that the metadata has."
        )
    if held_out and not named:
        raise UserError(
            "none of the images that findings.held_out names is among the PA images of the "
            "cohort: check that the file and the metadata belong together."
        )
    if held_out:
        sizes, positives = _without_test(sizes), _without_test(positives)
    patients = tables.select(PATIENTS).whole()
    splits = _whole_patients(patients, sizes, positives, seed)
    tables.insert("splits", ("patient", "split"), zip(patients["patient"], splits, strict=True))
    tables.run("CREATE INDEX splits_by_patient ON splits (patient, split)")
    for frame in tables.select(TAKEN):
        yield frame.assign(mirrored=False, true_label=np.int8(UNKNOWN))


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
    try:
        table = pd.read_csv(path, dtype=str)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{path} cannot be read ({reason}): set findings.held_out to a CSV file, or to none."
        ) from error
    column = next((name for name in ("image", "Image ID") if name in table), None)
    if column is None:
        raise UserError(
            f"{path} has no column image or Image ID: name the images of findings.held_out in one."
        )
    return frozenset(table[column])


def counts(cohort: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return images, patients and positive images of each split."""
    tables = Tables()
    tables.insert("cohort", COHORT, rows(cohort, COHORT))
    groups = tables.select(
        "SELECT split, count(*) AS images, count(DISTINCT patient) AS patients, "
        "sum(reported_label) AS positive FROM cohort GROUP BY split"
    )
    return groups.whole().set_index("split").reindex(SPLITS)


def balanced(labels: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return `labels` with rows of the rarer label repeated at random until both are equal.

    Each of them is there at least as often as the ratio rounded down (paper, section 2.3).
    """
    counts = labels["given_label"].value_counts()
    rare = labels[labels["given_label"] == counts.idxmin()]
    times, rest = divmod(counts.max() - counts.min(), len(rare))
    drawn = np.argsort(uniform(seed, "repeated", rare["image"]), kind="stable")[:rest]
    return pd.concat([labels, *[rare] * times, rare.iloc[drawn]], ignore_index=True)


def one_per_patient(index: Iterable[pd.DataFrame], seed: int) -> Query:
    """Return image and patient of one random PA image of each, in the order of the patients."""
    tables = Tables()
    columns = ("image", "patient", "draw")
    drawn = (
        frame.assign(draw=uniform(seed, "image of the patient", frame["image"]))
        for frame in _pa(index)
    )
    tables.insert("images", columns, rows(drawn, columns))
    # SQLite takes the other columns from the row with the smallest draw.
    tables.run("CREATE TABLE first AS SELECT *, min(draw) FROM images GROUP BY patient")
    return tables.select("SELECT image, patient FROM first ORDER BY patient")


def assign_splits(
    patients: Iterable[str], sizes: Mapping[str, float], task: str, seed: int
) -> np.ndarray:
    """Return the split of each patient, "" for those who are left over.

    Patients come in random order; the first go to train, the next to val and to test.
    """
    draws = uniform(seed, "split", patients)
    counts = {split: _count(sizes[split], len(draws)) for split in SPLITS}
    wanted = sum(counts.values())
    if wanted > len(draws):
        raise UserError(
            f"{task}.splits asks for {wanted} patients ({_text(counts)}) and the cohort has "
            f"{len(draws)}: lower the numbers or give shares that add up to 1."
        )
    empty = [split for split, count in counts.items() if count == 0]
    if empty:
        raise UserError(
            f"{task}.splits leaves no patient for {', '.join(empty)} ({_text(counts)} of "
            f"{len(draws)}): raise its share or give whole numbers."
        )
    names = np.repeat(np.array([*SPLITS, ""], object), [*counts.values(), len(draws) - wanted])
    splits = np.empty(len(draws), dtype=object)
    splits[np.argsort(draws, kind="stable")] = names
    return splits


def _pa(index: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    return (frame[frame["view"] == "PA"] for frame in index)


def _reports(
    index: Iterable[pd.DataFrame], finding: str, cohort: str, held_out: Container[str]
) -> Iterator[pd.DataFrame]:
    for frame in _pa(index):
        if cohort == "published":
            frame = frame[frame["patient"].astype(int) < PUBLISHED_PATIENTS]
        test = frame["image"].map(lambda image: image in held_out)
        yield frame.assign(reported_label=has_finding(frame["findings"], finding), held_out=test)


def _without_test(sizes: Mapping[str, float]) -> dict[str, float]:
    """Return sizes of train and val alone; shares grow so that they add up as before."""
    both = sizes["train"] + sizes["val"]
    grown = sum(sizes.values()) / both if isinstance(both, float) else 1
    return {"train": sizes["train"] * grown, "val": sizes["val"] * grown, "test": 0}


def _whole_patients(
    patients: pd.DataFrame, sizes: Mapping[str, float], positives: Mapping[str, float], seed: int
) -> np.ndarray:
    """Return the split of each row of patient, images, positives; "" for those left over."""
    order = np.argsort(uniform(seed, "split of a finding", patients["patient"]), kind="stable")
    room = {split: _count(sizes[split], patients["images"].sum()) for split in SPLITS}
    wanted = sum(room.values())
    if wanted > patients["images"].sum():
        raise UserError(
            f"findings.splits asks for {wanted} images ({_text(room)}) and the cohort has "
            f"{patients['images'].sum()}: lower the numbers or give shares that add up to 1."
        )
    quota = _quotas(positives, patients["positives"].sum() * wanted / patients["images"].sum())
    exact = all(isinstance(size, int) for size in sizes.values())
    passes = {
        "positive": lambda patient, split: (
            0 < patient.positives <= quota[split] and patient.images <= room[split]
        ),
        "negative": lambda patient, split: patient.positives == 0 and patient.images <= room[split],
        "left over": lambda patient, split: not exact and room[split] == max(room.values()) > 0,
    }
    splits = np.full(len(patients), "", dtype=object)
    shuffled = patients[["images", "positives"]].iloc[order]
    for fits in passes.values():
        for patient in shuffled.itertuples():
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
    return splits


def _quotas(shares: Mapping[str, float], positives: float) -> dict[str, int]:
    """Return the positive images of each split; train gets what rounding leaves."""
    quota = {split: round(shares[split] * positives) for split in ("val", "test")}
    return quota | {"train": round(sum(shares.values()) * positives) - sum(quota.values())}


def half_of_each(groups: np.ndarray, keys: Iterable[str], seed: int) -> np.ndarray:
    """Return True for exactly half of each group, rounded down, drawn at random by key."""
    draws = uniform(seed, "mirrored", keys)
    drawn = np.zeros(len(groups), bool)
    for group in set(groups):
        members = np.flatnonzero(groups == group)
        order = np.argsort(draws[members], kind="stable")
        drawn[members[order[: len(members) // 2]]] = True
    return drawn


def _count(size: float, patients: int) -> int:
    return int(round(size * patients, 6)) if isinstance(size, float) else size


def _text(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{split} {count}" for split, count in counts.items())
