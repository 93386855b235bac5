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
    paths: the files of all shards; each holds some of the images, and others.

    Raises `UserError` when a file is damaged, or an image is in none.
    """
    wanted = pd.Index(images)
    found, features = np.zeros(len(wanted), bool), None
    for path in paths:
        values, names = _read_features(path)
        rows = pd.Index(names).get_indexer(wanted)
        here = rows >= 0
        if features is None:
            features = np.empty((len(wanted), values.shape[1]), np.float32)
        features[here] = values[rows[here]]
        found |= here
    if not found.all():
        raise UserError(
            f"Image {wanted[~found][0]} has no features: the files beside {path} were made of "
            "other images, so delete them and run again."
        )
    return features


def read_hung(
    plain: Iterable[str | Path], mirrored: Iterable[str | Path] | None, labels: pd.DataFrame
) -> np.ndarray:
    """Return the features of images as their task takes them, float32 (n, d).

    Parameters
    ----------
    plain, mirrored: the files of all shards; `mirrored` are needed where an image is mirrored.
    labels: a row an image: image, mirrored.
    """
    features = read_features(plain, labels["image"])
    turned = labels["mirrored"].to_numpy()
    if turned.any():
        features[turned] = read_features(mirrored, labels.loc[turned, "image"])
    return features


def _read_features(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        with h5py.File(path) as file:
            return file["features"][:], file["image"].asstr("utf-8")[:]
    except (OSError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is not a file of features ({error}): delete it and run again."
        ) from error
