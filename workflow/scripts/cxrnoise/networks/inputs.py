"""Radiographs from shards into TensorFlow: cropped, mirrored, shuffled, in batches.

Pixels are uint8 until they are in a batch; at most `PREFETCHED` batches and what is read at once
are in memory.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from cxrnoise.core import manifests
from cxrnoise.core.randomness import generator, uniform
from cxrnoise.images.shards import Reader
from cxrnoise.tasks.cohorts import balanced

PREFETCHED = 16
BATCHES_PER_READ = 16  # each call of Python from TensorFlow costs more than it reads


@dataclass(frozen=True)
class Augmentation:
    """Inception preprocessing (paper, section 2.3): a rotated part of the image, made square.

    rotation: degrees at the most, to either side.
    scale: the longer side of the part is between this share of the image and all of it.
    aspect: the longer over the shorter side, which lies across or upright at random.
    """

    rotation: float
    scale: float
    aspect: float

    def transforms(self, seed: int, keys: Sequence, size: int, crop: int) -> np.ndarray:
        """Draw a projective transform per key, from crop×crop back to the size×size image.

        Returns
        -------
        float32 (len(keys), 8), as TensorFlow's ImageProjectiveTransformV3 takes them.
        """

        def draw(what: str) -> np.ndarray:
            return uniform(seed, f"augmentation: {what}", keys)

        angle = np.radians(self.rotation) * (2 * draw("rotation") - 1)
        longer = size * (self.scale + (1 - self.scale) * draw("scale"))
        upright = draw("orientation") < 0.5
        width = np.where(upright, longer / self.aspect, longer)
        height = np.where(upright, longer, longer / self.aspect)
        x = width / 2 + (size - width) * draw("column")
        y = height / 2 + (size - height) * draw("row")
        cosine, sine = np.cos(angle), np.sin(angle)
        across = np.stack([cosine * width, -sine * height], axis=1) / crop
        down = np.stack([sine * width, cosine * height], axis=1) / crop
        middle = (crop - 1) / 2  # of the result, in pixels between centres
        left = x - 0.5 - across.sum(axis=1) * middle
        top = y - 0.5 - down.sum(axis=1) * middle
        rows = [across[:, 0], across[:, 1], left, down[:, 0], down[:, 1], top]
        return np.stack([*rows, *np.zeros((2, len(x)))], axis=1).astype(np.float32)


class Radiographs:
    """The images of a label manifest, read from the shards when they are asked for.

    Parameters
    ----------
    labels: rows of a `labels` manifest, and `path`, its file.
    shards: paths of the shards.
    crop: pixels of a side of what is returned: the central crop, or the augmented part.
    augmentation: how training images are varied, or None.

    Raises `UserError` when the manifest names other images than the shards hold.
    """

    def __init__(
        self,
        labels: pd.DataFrame,
        path: str | Path,
        shards: Iterable[str | Path],
        crop: int,
        augmentation: Augmentation | None = None,
    ):
        self._reader = Reader(shards)
        self._reader.check(labels, path)
        self._shard = labels["shard"].to_numpy()
        self._row = labels["row"].to_numpy()
        self._mirrored = labels["mirrored"].to_numpy()
        self._named = labels[["image", "split"]]
        self.label = labels["given_label"].to_numpy(np.int32)
        self.crop = crop
        self._augmentation = augmentation

    def __len__(self) -> int:
        return len(self._row)

    @property
    def image(self) -> np.ndarray:
        """Names of the images, str (n,)."""
        return self._named["image"].to_numpy()

    @property
    def split(self) -> np.ndarray:
        """Split of each image, str (n,)."""
        return self._named["split"].to_numpy()

    def training_batch(self, positions: np.ndarray, seed: int, keys: Sequence) -> np.ndarray:
        """Return the images at `positions` as the network is trained on them.

        uint8 (n, crop, crop, 1); each is augmented by the draws of its key.
        """
        if self._augmentation is None:
            return self.batch(positions)
        pixels = self._pixels(positions)
        transforms = self._augmentation.transforms(seed, keys, pixels.shape[1], self.crop)
        with tf.device("CPU"):
            varied = tf.raw_ops.ImageProjectiveTransformV3(
                images=pixels[..., np.newaxis].astype(np.float32),
                transforms=transforms,
                output_shape=(self.crop, self.crop),
                fill_value=0.0,
                interpolation="BILINEAR",
                fill_mode="NEAREST",
            )
            return tf.cast(tf.round(varied), tf.uint8).numpy()

    def batch(self, positions: np.ndarray) -> np.ndarray:
        """Return the central crops of the images at `positions`, uint8 (n, crop, crop, 1)."""
        pixels = self._pixels(positions)
        margin = (pixels.shape[1] - self.crop) // 2
        inside = slice(margin, margin + self.crop)
        return pixels[:, inside, inside, np.newaxis]

    def _pixels(self, positions: np.ndarray) -> np.ndarray:
        pixels = self._reader.batch(self._shard[positions], self._row[positions])
        mirrored = self._mirrored[positions]
        pixels[mirrored] = pixels[mirrored, :, ::-1]
        return pixels


def splits(
    labels: str | Path, names: Sequence[str], shards: Iterable[str | Path], crop: int
) -> Radiographs:
    """Return the images of some splits of the manifest `labels`."""
    return Radiographs(manifests.read(labels, "labels", names), labels, shards, crop)


def training_split(
    labels: str | Path,
    shards: Iterable[str | Path],
    crop: int,
    augmentation: dict | None,
    seed: int,
) -> Radiographs:
    """Return the training images of the manifest `labels` as a network is trained on them.

    Where there is an `augmentation`, which a finding has, the images of the rarer label are
    repeated until the labels are balanced (paper, section 2.3).
    """
    if augmentation is None:
        return splits(labels, ["train"], shards, crop)
    training = balanced(manifests.read(labels, "labels", ["train"]), seed)
    return Radiographs(training, labels, shards, crop, Augmentation(**augmentation))


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

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in itertools.count(first_step * batch_size, block):
            stream = range(start, start + block)
            chosen = order(seed, "training order", len(radiographs), start, stream.stop)
            yield radiographs.training_batch(chosen, seed, stream), radiographs.label[chosen]

    return _as_float(_read(batches, radiographs.crop).rebatch(batch_size))


def evaluation_batches(radiographs: Radiographs, batch_size: int) -> tf.data.Dataset:
    """Return all images once, in the manifest's order, the last batch being smaller."""

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, len(radiographs), batch_size):
            chosen = np.arange(start, min(start + batch_size, len(radiographs)))
            yield radiographs.batch(chosen), radiographs.label[chosen]

    number = math.ceil(len(radiographs) / batch_size)
    data = _read(batches, radiographs.crop).apply(tf.data.experimental.assert_cardinality(number))
    return _as_float(data)


def _read(batches: Callable[[], Iterator], side: int) -> tf.data.Dataset:
    signature = (
        tf.TensorSpec((None, side, side, 1), tf.uint8),
        tf.TensorSpec((None,), tf.int32),
    )
    return tf.data.Dataset.from_generator(batches, output_signature=signature)


def _as_float(data: tf.data.Dataset) -> tf.data.Dataset:
    return data.map(lambda x, y: (tf.cast(x, tf.float32), y)).prefetch(PREFETCHED)
