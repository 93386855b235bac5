"""Radiographs from shards into TensorFlow: cropped, mirrored, shuffled, in batches.

Pixels are uint8 until they are in a batch; at most `PREFETCHED` batches and what is read at once
are in memory.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from .randomness import generator
from .shards import Reader

PREFETCHED = 16
BATCHES_PER_READ = 16  # each call of Python from TensorFlow costs more than it reads


class Radiographs:
    """The images of a label manifest, read from the shards when they are asked for.

    Parameters
    ----------
    labels: rows of a `labels` manifest, and `path`, its file.
    shards: paths of the shards.
    crop: pixels of a side of the central crop.

    Raises `UserError` when the manifest names other images than the shards hold.
    """

    def __init__(
        self, labels: pd.DataFrame, path: str | Path, shards: Iterable[str | Path], crop: int
    ):
        self._reader = Reader(shards)
        self._reader.check(labels, path)
        self._shard = labels["shard"].to_numpy()
        self._row = labels["row"].to_numpy()
        self._mirrored = labels["mirrored"].to_numpy()
        self.image = labels["image"].to_numpy()
        self.split = labels["split"].to_numpy()
        self.label = labels["given_label"].to_numpy(np.int32)
        self.crop = crop

    def __len__(self) -> int:
        return len(self._row)

    def batch(self, positions: np.ndarray) -> np.ndarray:
        """Return the images at `positions`, uint8 (n, crop, crop, 1)."""
        pixels = self._reader.batch(self._shard[positions], self._row[positions])
        mirrored = self._mirrored[positions]
        pixels[mirrored] = pixels[mirrored, :, ::-1]
        margin = (pixels.shape[1] - self.crop) // 2
        inside = slice(margin, margin + self.crop)
        return pixels[:, inside, inside, np.newaxis]


def order(seed: int, purpose: str, length: int, start: int, stop: int) -> np.ndarray:
    """Return positions `start` to `stop` of an endless stream of shuffled epochs.

    Every epoch is one permutation of `length` images with a generator of its own, so that
    a stream can be continued anywhere.
    """
    epochs = range(start // length, -(-stop // length))
    stream = [_permutation(seed, purpose, length, epoch) for epoch in epochs]
    offset = start // length * length
    return np.concatenate(stream)[start - offset : stop - offset]


@lru_cache(maxsize=2)
def _permutation(seed: int, purpose: str, length: int, epoch: int) -> np.ndarray:
    return generator(seed, purpose, epoch).permutation(length)


def training_batches(
    radiographs: Radiographs, batch_size: int, seed: int, first_step: int
) -> tf.data.Dataset:
    """Return endless shuffled batches from `first_step` on.

    Each is (float32 (batch_size, crop, crop, 1), int32 (batch_size,)).
    """

    block = BATCHES_PER_READ * batch_size

    def positions() -> Iterator[np.ndarray]:
        for start in itertools.count(first_step * batch_size, block):
            yield order(seed, "training order", len(radiographs), start, start + block)

    return _as_float(_read(radiographs, positions).rebatch(batch_size))


def evaluation_batches(radiographs: Radiographs, batch_size: int) -> tf.data.Dataset:
    """Return all images once, in the manifest's order, the last batch being smaller."""

    def positions() -> Iterator[np.ndarray]:
        for start in range(0, len(radiographs), batch_size):
            yield np.arange(start, min(start + batch_size, len(radiographs)))

    number = math.ceil(len(radiographs) / batch_size)
    data = _read(radiographs, positions).apply(tf.data.experimental.assert_cardinality(number))
    return _as_float(data)


def _read(radiographs: Radiographs, positions: Callable) -> tf.data.Dataset:
    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for chosen in positions():
            yield radiographs.batch(chosen), radiographs.label[chosen]

    side = radiographs.crop
    signature = (
        tf.TensorSpec((None, side, side, 1), tf.uint8),
        tf.TensorSpec((None,), tf.int32),
    )
    return tf.data.Dataset.from_generator(batches, output_signature=signature)


def _as_float(data: tf.data.Dataset) -> tf.data.Dataset:
    return data.map(lambda x, y: (tf.cast(x, tf.float32), y)).prefetch(PREFETCHED)
