"""Radiographs from shards into TensorFlow: cropped, mirrored, shuffled, in batches.

Pixels are uint8 until they are in a batch. At most `PREFETCHED` batches, and what is read at once,
are in memory.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import tensorflow as tf

from cxrnoise.core import manifests
from cxrnoise.core.randomness import generator, uniform
from cxrnoise.images.shards import Reader
from cxrnoise.tasks import orientations
from cxrnoise.tasks.balance import balanced

PREFETCHED = 16
BATCHES_PER_READ = 16  # each call of Python from TensorFlow costs more than it reads


class Variation(Protocol):
    """How a task varies its training images."""

    def __call__(
        self, pixels: np.ndarray, target: np.ndarray, seed: int, keys: Sequence, crop: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return uint8 (n, crop, crop, 1) and the targets (n,) or (n, K).

        Parameters
        ----------
        pixels: uint8 (n, size, size); target: what the network should say of them.
        keys: what the random draws of each image depend on, beside the seed.
        """


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

    def __call__(
        self, pixels: np.ndarray, target: np.ndarray, seed: int, keys: Sequence, crop: int
    ) -> tuple[np.ndarray, np.ndarray]:
        return _projected(pixels, self.transforms(seed, keys, pixels.shape[1], crop), crop), target

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
        return _transforms(x, y, width, height, angle, crop)


@dataclass(frozen=True)
class Jitter:
    """What the network sees, moved a little: turned, magnified, and cropped beside the middle.

    rotation: degrees at the most, to either side.
    scale: the side of the square that is shown is between this share of the crop and all of it.
    shift: its middle moves by up to this share of the image's side, along either axis.
    """

    rotation: float
    scale: float
    shift: float

    def __call__(
        self, pixels: np.ndarray, target: np.ndarray, seed: int, keys: Sequence, crop: int
    ) -> tuple[np.ndarray, np.ndarray]:
        return _projected(pixels, self.transforms(seed, keys, pixels.shape[1], crop), crop), target

    def transforms(self, seed: int, keys: Sequence, size: int, crop: int) -> np.ndarray:
        """Draw a projective transform per key; see `Augmentation.transforms`."""

        def draw(what: str) -> np.ndarray:
            return uniform(seed, f"jitter: {what}", keys)

        angle = np.radians(self.rotation) * (2 * draw("rotation") - 1)
        side = crop * (self.scale + (1 - self.scale) * draw("scale"))
        x, y = (size * (0.5 + self.shift * (2 * draw(axis) - 1)) for axis in ("column", "row"))
        return _transforms(x, y, side, side, angle, crop)


def _transforms(
    x: np.ndarray,
    y: np.ndarray,
    width: np.ndarray,
    height: np.ndarray,
    angle: np.ndarray,
    crop: int,
) -> np.ndarray:
    """Return the transforms from crop×crop back to parts of an image, float32 (n, 8).

    x, y, width and height: middle and sides of the parts in pixels; angle: in radians; all (n,).
    """
    cosine, sine = np.cos(angle), np.sin(angle)
    across = np.stack([cosine * width, -sine * height], axis=1) / crop
    down = np.stack([sine * width, cosine * height], axis=1) / crop
    middle = (crop - 1) / 2  # of the result, in pixels between centres
    left = x - 0.5 - across.sum(axis=1) * middle
    top = y - 0.5 - down.sum(axis=1) * middle
    rows = [across[:, 0], across[:, 1], left, down[:, 0], down[:, 1], top]
    return np.stack([*rows, *np.zeros((2, len(x)))], axis=1).astype(np.float32)


def _projected(pixels: np.ndarray, transforms: np.ndarray, crop: int) -> np.ndarray:
    """Return uint8 (n, crop, crop, 1) from uint8 (n, size, size)."""
    with tf.device("CPU"):
        varied = tf.raw_ops.ImageProjectiveTransformV3(
            images=pixels[..., np.newaxis].astype(np.float32),
            transforms=transforms,
            output_shape=(crop, crop),
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="NEAREST",
        )
        return tf.cast(tf.round(varied), tf.uint8).numpy()


class Turning:
    """The task `orientation`: each image in one of 16 orientations, whose number is the target."""

    def __call__(
        self, pixels: np.ndarray, target: np.ndarray, seed: int, keys: Sequence, crop: int
    ) -> tuple[np.ndarray, np.ndarray]:
        draws = uniform(seed, "orientation", keys)
        numbers = (draws * len(orientations.names())).astype(np.int32)
        return central(orientations.apply(pixels, numbers), crop), numbers


MILD = Jitter(rotation=7, scale=0.85, shift=0.02)  # for tasks that do not vary training images


def variation(kind: str, augmentation: dict | None) -> Variation | None:
    """Return how a task of this kind varies its training images, None if it does not."""
    if kind == "orientation":
        return Turning()
    return Augmentation(**augmentation) if augmentation else None


def central(pixels: np.ndarray, crop: int) -> np.ndarray:
    """Return the central crops of uint8 (n, size, size) as uint8 (n, crop, crop, 1)."""
    margin = (pixels.shape[1] - crop) // 2
    inside = slice(margin, margin + crop)
    return pixels[:, inside, inside, np.newaxis]


class Radiographs:
    """The images of a label manifest, read from the shards when they are asked for.

    Parameters
    ----------
    labels: rows of a `labels` manifest, a row a label. The labels of an image follow each other,
        in the same order for all images; an image may be there several times.
    shards: paths of the shards.
    crop: pixels of a side of what is returned.
    exclusive: whether an image has one label, whose value is a class number; else each of its K
        labels has a value of its own.
    variation: how training images are varied, or None.

    Attributes
    ----------
    image, split: strings (n,). label: strings, the names of an image's labels. target: int32 (n,)
    if exclusive, else int32 (n, K), with -1 where a label is not known.

    Raises `UserError` when an image is in no shard.
    """

    def __init__(
        self,
        labels: pd.DataFrame,
        shards: Iterable[str | Path],
        crop: int,
        exclusive: bool = True,
        variation: Variation | None = None,
    ):
        columns = 1 if exclusive else labels["label"].nunique()
        first = labels.iloc[::columns]
        self.label = labels["label"].to_numpy()[:columns]
        self.image = first["image"].to_numpy()
        self.split = first["split"].to_numpy()
        given = labels["given_label"].to_numpy(np.int32)
        self.target = given if exclusive else given.reshape(len(first), columns)
        self.crop = crop
        self._mirrored = first["mirrored"].to_numpy()
        self._variation = variation
        self._reader = Reader(shards)
        self._shard, self._row = self._reader.locate(self.image)

    def __len__(self) -> int:
        return len(self.image)

    def training_batch(
        self, positions: np.ndarray, seed: int, keys: Sequence
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the images at `positions` as the network is trained on them, and their targets.

        uint8 (n, crop, crop, 1) and int32 (n,) or (n, K); each is varied by the draws of its key.
        """
        pixels, target = self._pixels(positions), self.target[positions]
        if self._variation is None:
            return central(pixels, self.crop), target
        return self._variation(pixels, target, seed, keys, self.crop)

    def batch(self, positions: np.ndarray) -> np.ndarray:
        """Return the central crops of the images at `positions`, uint8 (n, crop, crop, 1)."""
        return central(self._pixels(positions), self.crop)

    def _pixels(self, positions: np.ndarray) -> np.ndarray:
        pixels = self._reader.batch(self._shard[positions], self._row[positions])
        mirrored = self._mirrored[positions]
        pixels[mirrored] = pixels[mirrored, :, ::-1]
        return pixels


@dataclass(frozen=True)
class Source:
    """Where the images of a run come from, and how its task takes them.

    labels: the file `labels.parquet`; shards: paths; kind, crop, augmentation: of the task.
    """

    labels: str
    shards: Sequence[str]
    kind: str
    crop: int
    augmentation: dict | None

    def names(self) -> list[str]:
        """Return the names of the network's outputs: of the classes, or of the findings."""
        if self.kind == "findings":
            return manifests.read(self.labels, "labels")["label"].unique().tolist()
        return manifests.classes(self.labels)

    def training(self, seed: int) -> Radiographs:
        """Return the training images as a network is trained on them.

        For a finding the images of the rarer label are repeated until both are equally many
        (paper, section 2.3); several findings are weighted in the loss instead.
        """
        labels = manifests.read(self.labels, "labels", ["train"])
        if self.kind == "finding":
            labels = balanced(labels, seed)
        return self._radiographs(labels, variation(self.kind, self.augmentation))

    def validation(self) -> Radiographs:
        """Return the validation images; those of `orientation` are turned by their names' draws."""
        labels = manifests.read(self.labels, "labels", ["val"])
        return self._radiographs(labels, variation(self.kind, None))

    def evaluated(self, splits: Sequence[str]) -> Radiographs:
        """Return the images of some splits as they are predicted: unvaried."""
        return self._radiographs(manifests.read(self.labels, "labels", splits), None)

    def varied(self, splits: Sequence[str]) -> Radiographs:
        """Return the images of some splits, varied as in training or, without that, by `MILD`.

        They are never mirrored, nor turned by more than some degrees: that may be the label.
        """
        varied = Augmentation(**self.augmentation) if self.augmentation else MILD
        return self._radiographs(manifests.read(self.labels, "labels", splits), varied)

    def chosen(self, wanted: Callable[[pd.DataFrame], pd.Series]) -> Radiographs:
        """Return the images, unvaried, of which `wanted` says so of the rows of labels."""
        labels = manifests.read(self.labels, "labels")
        return self._radiographs(labels[wanted(labels)], None)

    def _radiographs(self, labels: pd.DataFrame, varied: Variation | None) -> Radiographs:
        return Radiographs(labels, self.shards, self.crop, self.kind != "findings", varied)


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

    Each is (float32 (batch_size, crop, crop, 1), int32 (batch_size,) or (batch_size, K)).
    """
    block = BATCHES_PER_READ * batch_size

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in itertools.count(first_step * batch_size, block):
            stream = range(start, start + block)
            chosen = order(seed, "training order", len(radiographs), start, stream.stop)
            yield radiographs.training_batch(chosen, seed, stream)

    return _as_float(_read(batches, radiographs).rebatch(batch_size))


def evaluation_batches(
    radiographs: Radiographs, batch_size: int, seed: int | None = None
) -> tf.data.Dataset:
    """Return all images once, in the manifest's order, the last batch being smaller.

    With a seed they are varied as the task varies its images, by draws of their names.
    """

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, len(radiographs), batch_size):
            chosen = np.arange(start, min(start + batch_size, len(radiographs)))
            if seed is None:
                yield radiographs.batch(chosen), radiographs.target[chosen]
            else:
                yield radiographs.training_batch(chosen, seed, radiographs.image[chosen])

    number = math.ceil(len(radiographs) / batch_size)
    data = _read(batches, radiographs).apply(tf.data.experimental.assert_cardinality(number))
    return _as_float(data)


def _read(batches: Callable[[], Iterator], radiographs: Radiographs) -> tf.data.Dataset:
    side = radiographs.crop
    signature = (
        tf.TensorSpec((None, side, side, 1), tf.uint8),
        tf.TensorSpec((None, *radiographs.target.shape[1:]), tf.int32),
    )
    return tf.data.Dataset.from_generator(batches, output_signature=signature)


def _as_float(data: tf.data.Dataset) -> tf.data.Dataset:
    return data.map(lambda x, y: (tf.cast(x, tf.float32), y)).prefetch(PREFETCHED)
