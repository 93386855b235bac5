"""Files of features of images."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.files import replacing


def write_features(
    path: str | Path, features: np.ndarray, images: Sequence[str], provenance: str
) -> None:
    """Write `features`, float32 (n, d), and the names of their images, `image` (n,)."""
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.create_dataset("features", data=features, track_times=False)
        names = np.array([image.encode() for image in images], "S")
        file.create_dataset("image", data=names, track_times=False)
        file.attrs["provenance"] = provenance


def read_features(paths: Iterable[str | Path], images: Sequence[str]) -> np.ndarray:
    """Return the features of some images from files of `write_features`, float32 (n, d).

    Parameters
    ----------
    paths: files in one folder, such as those of all shards; each may hold other images, too.

    Raises `UserError` when a file is damaged or holds an image twice, or an image is in none.
    """
    wanted = pd.Index(images)
    found, features = np.zeros(len(wanted), bool), None
    for path in paths:
        values, held = _read(path)
        if held.has_duplicates:
            raise UserError(
                f"{path} holds image {held[held.duplicated()][0]} twice: delete it and run again."
            )
        rows = held.get_indexer(wanted)
        here = rows >= 0
        if features is None:
            features = np.empty((len(wanted), values.shape[1]), np.float32)
        features[here] = values[rows[here]]
        found |= here
    if not found.all():
        raise UserError(
            f"{Path(path).parent} has no features of {(~found).sum()} images, the first being "
            f"{wanted[~found][0]}: delete its files of features and run again."
        )
    return features


def read_as_shown(
    unmirrored: Iterable[str | Path], mirrored: Iterable[str | Path] | None, labels: pd.DataFrame
) -> np.ndarray:
    """Return the features of images as their task shows them, float32 (n, d).

    Parameters
    ----------
    unmirrored, mirrored: the files of all shards; `mirrored` are needed where an image is mirrored.
    labels: a row an image: image, mirrored.
    """
    features = read_features(unmirrored, labels["image"])
    turned = labels["mirrored"].to_numpy()
    if turned.any():
        features[turned] = read_features(mirrored, labels.loc[turned, "image"])
    return features


def _read(path: str | Path) -> tuple[np.ndarray, pd.Index]:
    try:
        with h5py.File(path) as file:
            return file["features"][:], pd.Index(file["image"].asstr("utf-8")[:])
    except (OSError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is not a file of features ({error}): delete it and run again."
        ) from error
