"""What a training depends on, of the labels and the pixels."""

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd

TRAINED_ON = ("image", "split", "label", "mirrored", "given_label")


def content(labels: pd.DataFrame, pixels: Iterable[str] = ()) -> str:
    """Return the sha256 of what a training depends on; rows in another order are other content.

    Provenance and the columns that no training reads, such as the truth, do not count.

    Parameters
    ----------
    pixels: the sha256 of the pixels of each image, in hex.
    """
    sha256 = hashlib.sha256()
    for name in TRAINED_ON:
        column = labels[name]
        if pd.api.types.is_numeric_dtype(column):
            data = column.to_numpy(np.int8).tobytes()
        else:
            data = "\0".join(column).encode()
        sha256.update(f"{name} {len(labels)} {len(data)}\n".encode() + data)
    sha256.update("".join(pixels).encode())
    return sha256.hexdigest()
