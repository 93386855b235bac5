"""What a training depends on, of the labels."""

import hashlib

import numpy as np
import pandas as pd

TRAINED_ON = ("image", "split", "label", "mirrored", "given_label")


def content(labels: pd.DataFrame) -> str:
    """Return the sha256 of what a training depends on; rows in another order are other content.

    Provenance and the columns that no training reads, such as the truth, do not count.
    """
    sha256 = hashlib.sha256()
    for name in TRAINED_ON:
        column = labels[name]
        if pd.api.types.is_numeric_dtype(column):
            data = column.to_numpy(np.int8).tobytes()
        else:
            data = "\0".join(column).encode()
        sha256.update(f"{name} {len(labels)} {len(data)}\n".encode() + data)
    return sha256.hexdigest()
