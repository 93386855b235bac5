"""Which training images a network takes for the most alike: features and their distances."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from scipy.spatial.distance import cdist

from cxrnoise.core.errors import UserError
from cxrnoise.core.files import replacing

POSITIVE = "training positive"  # the other images are cases of the study
FARTHEST = 2.0  # of the cosine distance


@dataclass(frozen=True)
class Features:
    """What a network makes of n images.

    image, role: strings (n,); features: float32 (n, d), what its classifier is given;
    p1: float32 (n,), the softmax of the label 1.
    """

    image: np.ndarray
    role: np.ndarray
    features: np.ndarray
    p1: np.ndarray


def write(features: Features, path: str | Path, provenance: str) -> None:
    """Write the features as HDF5 datasets of the same names."""
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        for name, values in vars(features).items():
            if values.dtype.kind not in "fiu":
                values = np.char.encode(values.astype(str), "utf-8")
            file.create_dataset(name, data=values, track_times=False)
        file.attrs["provenance"] = provenance


def read(path: str | Path) -> Features:
    """Read what `write` wrote; raise `UserError` when the file is not such a one."""
    try:
        with h5py.File(path) as file:
            texts = {name: file[name].asstr("utf-8")[:] for name in ("image", "role")}
            return Features(**texts, features=file["features"][:], p1=file["p1"][:])
    except (OSError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is not a file of features ({error}): delete it and run again."
        ) from error


def nearest(cases: np.ndarray, pool: np.ndarray, count: int) -> list[tuple[int, int, float]]:
    """Find the images of a pool that are most alike to some cases, each image once.

    The cases take turns, in their order: each takes the nearest image that is left, until there
    are `count`.

    Parameters
    ----------
    cases: (m, d), pool: (n, d), features.

    Returns
    -------
    (position in `cases`, position in `pool`, cosine distance from 0 to 2), in the order of the
    turns; fewer than `count` where the pool is smaller, none without cases.
    """
    if len(cases) == 0 or len(pool) == 0:
        return []
    distances = np.nan_to_num(cdist(cases, pool, "cosine"), nan=FARTHEST)
    left, found = np.ones(len(pool), dtype=bool), []
    for turn in range(min(count, len(pool))):
        case = turn % len(cases)
        chosen = int(np.where(left, distances[case], np.inf).argmin())
        left[chosen] = False
        found.append((case, chosen, float(distances[case, chosen])))
    return found
