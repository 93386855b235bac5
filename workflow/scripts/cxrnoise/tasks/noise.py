"""Label noise: who is told the wrong label, at which rate."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import SCHEMAS, SPLITS
from cxrnoise.core.ondisk import Tables, rows
from cxrnoise.core.randomness import uniform

COHORT = tuple(SCHEMAS["cohort"].names)
PLACE = ("image", "shard", "row")


def labels(
    cohort: Iterable[pd.DataFrame],
    index: Iterable[pd.DataFrame],
    percent: float,
    noisy_splits: Iterable[str],
    seed: int,
) -> Iterator[pd.DataFrame]:
    """Yield the label manifest of one noise level in frames.

    Each image has one uniform draw, and its reported label is flipped where the draw is below the
    rate: levels are nested, and the number of flips is random around its expectation.

    Parameters
    ----------
    cohort, index: frames of the manifests; the index tells the shard and row of each image.
    percent: expected share of flipped labels in `noisy_splits`.

    Raises `UserError` when an image of the cohort is in no shard.
    """
    tables = Tables()
    tables.insert("cohort", COHORT, rows(cohort, COHORT))
    tables.insert("places", PLACE, rows(index, PLACE))
    tables.run("CREATE INDEX places_by_image ON places (image, shard, row)")
    located = "SELECT * FROM cohort LEFT JOIN places USING (image) ORDER BY cohort.rowid"
    for frame in tables.select(located):
        absent = frame["shard"].isna() | (frame["shard"] < 0)
        if absent.any():
            raise UserError(
                f"image {frame.loc[absent, 'image'].iloc[0]} of the cohort is in no shard: "
                "delete the cohort file and run again."
            )
        noisy = frame["split"].isin(set(noisy_splits))
        flipped = noisy & (uniform(seed, "label noise", frame["image"]) < percent / 100)
        reported = frame["reported_label"]
        yield frame.assign(
            mirrored=frame["mirrored"].astype(bool),
            flipped=flipped,
            given_label=np.where(flipped, 1 - reported, reported).astype(np.int8),
        )


def counts(manifest: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return what was realised: split, images, flipped, percent, mirrored (one row a split)."""
    parts = [
        frame.groupby("split").agg(
            images=("image", "size"), flipped=("flipped", "sum"), mirrored=("mirrored", "sum")
        )
        for frame in manifest
    ]
    grouped = pd.concat(parts).groupby("split").sum()
    grouped["percent"] = (100 * grouped["flipped"] / grouped["images"]).round(4)
    return grouped.loc[[split for split in SPLITS if split in grouped.index]].reset_index()
