"""Files of samples: several predictions of the same images, such as Monte Carlo samples."""

import json
from collections.abc import Sequence
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
        file.create_dataset("split", data=np.asarray(splits).astype("S"), track_times=False)
        file.attrs["classes"] = json.dumps(list(classes))
        file.attrs["provenance"] = provenance


def join(path: str | Path, parts: Sequence[str | Path], provenance: str) -> None:
    """Write the samples of other images, in `parts`, into one file. All have the same T and K."""
    files = [h5py.File(part) for part in parts]
    try:
        write(
            path,
            np.concatenate([file["probabilities"][:] for file in files], axis=1),
            np.concatenate([file["image"].asstr("utf-8")[:] for file in files]),
            np.concatenate([file["split"].asstr("utf-8")[:] for file in files]),
            json.loads(files[0].attrs["classes"]),
            provenance,
        )
    finally:
        for file in files:
            file.close()
