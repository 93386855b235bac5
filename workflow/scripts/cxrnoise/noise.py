"""Label noise: who is told the wrong label, at which rate."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from .errors import UserError
from .manifests import SPLITS
from .randomness import uniform


def labels(
    cohort: pd.DataFrame,
    index: pd.DataFrame,
    percent: float,
    noisy_splits: Iterable[str],
    seed: int,
) -> pd.DataFrame:
    """Return the label manifest of one noise level.

    Each image has one uniform draw, and its reported label is flipped where the draw is below the
    rate: levels are nested, and the number of flips is random around its expectation.

    Parameters
    ----------
    cohort, index: manifests; the index tells the shard and row of each image.
    percent: expected share of flipped labels in `noisy_splits`.

    Raises `UserError` when an image of the cohort is in no shard.
    """
    located = cohort.merge(index[["image", "shard", "row"]], on="image", how="left")
    absent = located["shard"].isna() | (located["shard"] < 0)
    if absent.any():
        raise UserError(
            f"image {located.loc[absent, 'image'].iloc[0]} of the cohort is in no shard: "
            "delete the cohort file and run again."
        )
    noisy = located["split"].isin(set(noisy_splits))
    flipped = noisy & (uniform(seed, "label noise", located["image"]) < percent / 100)
    reported = located["reported_label"]
    return located.assign(
        flipped=flipped,
        given_label=np.where(flipped, 1 - reported, reported).astype(np.int8),
    )


def counts(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return what was realised: split, images, flipped, percent, mirrored (one row a split)."""
    grouped = manifest.groupby("split").agg(
        images=("image", "size"), flipped=("flipped", "sum"), mirrored=("mirrored", "sum")
    )
    grouped["percent"] = (100 * grouped["flipped"] / grouped["images"]).round(4)
    return grouped.loc[[split for split in SPLITS if split in grouped.index]].reset_index()
