"""Files that hang wrongly, are there twice, or are unlike all others: ranked lists for the eye."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cxrnoise.audit import duplicates, unlike
from cxrnoise.tasks import orientations, splits

MIRRORED, TURNED, INVERTED, DUPLICATE, UNLIKE = (
    "mirrored",
    "turned",
    "inverted",
    "duplicate",
    "unlike",
)
KINDS = (MIRRORED, TURNED, INVERTED, DUPLICATE, UNLIKE)
COLUMNS = ["kind", "rank", "image", "patient", "other_image", "other_patient", "value", "what"]
ACROSS, WITHIN = "different patients", "the same patient"
FOLDS = 5
MOST_OF_A_PATIENT = 3  # images unlike all others

_NUMBERS = np.arange(orientations.NUMBER)
# The orientations that each list counts. A file that is turned as well, or inverted as well, is in
# that list, with all that was done to it in the column `what`.
COUNTED = {
    MIRRORED: _NUMBERS == 4,
    TURNED: _NUMBERS % 4 > 0,
    INVERTED: _NUMBERS >= 8,
}


def of_shards(index: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the images that are in a shard: image, patient, shard, fold (by patient)."""
    images = index.loc[index["shard"] >= 0, ["image", "patient", "shard"]]
    images = images.sort_values("image", ignore_index=True)
    labels = images.assign(label="", reported_label=0)
    return images.assign(fold=splits.of_folds(labels, FOLDS, seed, "hanging fold"))


def wrongly(probabilities: pd.DataFrame, images: pd.DataFrame, first: int) -> pd.DataFrame:
    """Return the files that most probably hang wrongly, for each way to do so.

    Parameters
    ----------
    probabilities: image, and a column for each name of `orientations.names`.
    images: image, patient. first: so many rows of each kind.
    """
    names = np.array(orientations.names())
    table = probabilities.merge(images[["image", "patient"]], on="image")
    found = table[names].to_numpy(float)
    frames = []
    for kind, counted in COUNTED.items():
        likely = names[counted][found[:, counted].argmax(1)]
        rows = table[["image", "patient"]].assign(value=found[:, counted].sum(1), what=likely)
        frames.append(_ranked(kind, rows, first))
    return pd.concat(frames, ignore_index=True)


def twice(thumbs: np.ndarray, images: pd.DataFrame, first: int) -> pd.DataFrame:
    """Return the pairs of images that are most alike, those of different patients first.

    Parameters
    ----------
    thumbs: uint8 (n, side, side), of `images`: image, patient.
    first: so many pairs of different patients, and so many of one patient.
    """
    names, patients = images["image"].to_numpy(), images["patient"].to_numpy()
    pairs = duplicates.pairs(thumbs, patients, first)
    return pd.DataFrame(
        {
            "kind": DUPLICATE,
            "rank": np.arange(1, len(pairs) + 1),
            "image": names[pairs["one"]],
            "patient": patients[pairs["one"]],
            "other_image": names[pairs["other"]],
            "other_patient": patients[pairs["other"]],
            "value": pairs["value"],
            "what": np.where(pairs["across"], ACROSS, WITHIN),
        },
        columns=COLUMNS,
    )


def odd(paths: Sequence[str | Path], images: pd.DataFrame, seed: int, first: int) -> pd.DataFrame:
    """Return the images that are least like all others, at most three of each patient.

    See `unlike.remainders`. Of a patient with a rare device every image would be in the list.
    """
    values = unlike.remainders(paths, images, seed)
    said = [f"{value:.1f} times the median" for value in values]
    rows = images[["image", "patient"]].assign(value=values, what=said)
    rows = rows.sort_values("value", ascending=False, kind="stable")
    return _ranked(UNLIKE, rows[rows.groupby("patient").cumcount() < MOST_OF_A_PATIENT], first)


def _ranked(kind: str, rows: pd.DataFrame, first: int) -> pd.DataFrame:
    rows = rows.sort_values(["value", "image"], ascending=[False, True]).head(first)
    rows = rows.assign(
        kind=kind, rank=np.arange(1, len(rows) + 1), other_image="", other_patient=""
    )
    return rows[COLUMNS].reset_index(drop=True)
