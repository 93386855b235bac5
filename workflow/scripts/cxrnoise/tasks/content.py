"""Digests of labels: of what a training depends on, and of all that is known of them."""

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd

TRAINED_ON = ("image", "split", "label", "mirrored", "given_label")
KNOWN = (*TRAINED_ON, "patient", "true_label", "reported_label")


def content(labels: pd.DataFrame, pixels: Iterable[str] = ()) -> str:
    """Return the sha256 of what a training depends on; rows in another order are other content.

    Provenance and the columns that no training reads, such as the truth, do not count.

    Parameters
    ----------
    pixels: the sha256 of the pixels of each image, in hex.
    """
    sha256 = _of_columns(labels, TRAINED_ON)
    sha256.update("".join(pixels).encode())
    return sha256.hexdigest()


def known(labels: pd.DataFrame) -> str:
    """Return the sha256 of all that scores, folds and tables are made of, the truth among it."""
    return _of_columns(labels, KNOWN).hexdigest()


def _of_columns(labels: pd.DataFrame, names: Iterable[str]) -> "hashlib._Hash":
    sha256 = hashlib.sha256()
    for name in names:
        column = labels[name]
        if pd.api.types.is_numeric_dtype(column):
            data = column.to_numpy(np.int8).tobytes()
        else:
            data = "\0".join(column).encode()
        sha256.update(f"{name} {len(labels)} {len(data)}\n".encode() + data)
    return sha256
