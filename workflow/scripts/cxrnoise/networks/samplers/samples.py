"""The file of what a sampler draws: `mcbn.h5`, `augmented.h5`, `dropout.h5`."""

import json
from pathlib import Path

import h5py
import numpy as np

from cxrnoise.core.files import replacing


def write(
    path: str | Path,
    probabilities: np.ndarray,
    images: np.ndarray,
    splits: np.ndarray,
    classes: list[str],
    provenance: str,
) -> None:
    """Write the samples: `probabilities` float32 (T, n, K), `image` and `split` (n,).

    The attribute `classes` is the JSON list of the K names.
    """
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.create_dataset("probabilities", data=probabilities, track_times=False)
        names = np.array([image.encode() for image in images], "S")
        file.create_dataset("image", data=names, track_times=False)
        file.create_dataset("split", data=splits.astype("S"), track_times=False)
        file.attrs["classes"] = json.dumps(classes)
        file.attrs["provenance"] = provenance
