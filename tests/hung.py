"""Drawn chests, their shard and their features, for tests of the files that hang wrongly."""

import h5py
import numpy as np
import pandas as pd

from cxrnoise.core.features import write_features

SIZE = 32


def chests(number, seed=0, size=SIZE):
    """Return chests, uint8 (number, size, size): two dark lungs, a heart on the image's right."""
    random = np.random.default_rng(seed)
    row, column = np.mgrid[0:size, 0:size] / size
    images = []
    for _ in range(number):
        grey = 120.0 + 60 * (row > 0.8) + random.normal(0, 6, (size, size))
        for middle in (0.28, 0.72):
            x, y = middle + random.normal(0, 0.02), 0.5 + random.normal(0, 0.02)
            grey[((column - x) / 0.17) ** 2 + ((row - y) / 0.3) ** 2 < 1] -= 80
        x, y = random.normal((0.6, 0.62), 0.02)
        grey[(column - x) ** 2 + (row - y) ** 2 < 0.16**2] += 80
        images.append(grey.clip(0, 255).astype(np.uint8))
    return np.stack(images)


def table(number, patients=None, shard=0):
    """Return the images as `audit.hanging.of_shards` does, in five folds by patient."""
    patients = np.arange(number) if patients is None else np.asarray(patients)
    return pd.DataFrame(
        {
            "image": [f"{place:04d}.png" for place in range(number)],
            "patient": patients.astype(str),
            "shard": shard,
            "fold": patients % 5,
        }
    )


def features_file(path, features, images):
    """Write features (n, d) and return the list of files."""
    write_features(path, features.astype(np.float32), images["image"], "{}")
    return [path]


def shard_file(path, pixels, images):
    """Write a shard and return the list of shards."""
    with h5py.File(path, "w") as file:
        file.create_dataset("pixels", data=pixels, track_times=False)
        file.create_dataset("image", data=np.array([name.encode() for name in images["image"]]))
    return [path]
