"""Monte Carlo batch normalisation (Teye et al., ICML 2018), as the paper uses it (section 2.2).

For each sample one random batch of training images goes through the network, every
batch-norm layer takes that batch's mean and variance in place of its moving averages, and
all images are predicted with them. The statistics are measured once and kept, so that the
images are read once and the order or the batching of the images changes nothing.
"""

import logging
from collections.abc import Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf

from cxrnoise.core.errors import UserError
from cxrnoise.core.randomness import generator
from cxrnoise.networks.architectures import (
    FusedBatchNormalization,
    batch_normalizations,
    with_batch_norm,
)

log = logging.getLogger(__name__)

Statistics = list[tuple[tf.Tensor, tf.Tensor]]


class SampledBatchNormalization(FusedBatchNormalization):
    """Normalises with `statistics`; where they are None, with the batch's own, and keeps those.

    The variance is the biased one that the batch is normalised with.
    """

    statistics: tuple[tf.Tensor, tf.Tensor] | None = None

    def call(self, inputs, training=None, mask=None) -> tf.Tensor:
        inputs = tf.cast(inputs, tf.float32)
        if self.statistics is None:
            self.statistics = tf.nn.moments(inputs, self._reduction_axes)
        return self.normalise(inputs, *self.statistics)


class MonteCarloBatchNorm:
    """The network `model` with statistics of batches; `model` itself is not changed."""

    def __init__(self, model: keras.Model):
        self._model = with_batch_norm(model, SampledBatchNormalization)
        self._layers = batch_normalizations(self._model)
        side = model.input_shape[1:]
        self._measure = tf.function(
            self._forward_and_measure, input_signature=[tf.TensorSpec((None, *side))]
        )
        self._predict = tf.function(self._forward_with)

    def statistics(self, batch: np.ndarray) -> Statistics:
        """Return mean and variance of every batch-norm layer as they arise from `batch`.

        Each layer is fed what the layers before it made of the batch with the batch's own
        statistics. `batch` is float32 (n, size, size, 1).
        """
        return self._measure(batch)

    def predict(self, images: np.ndarray, statistics: Statistics) -> np.ndarray:
        """Return p(y|x) under `statistics`, float32 (n, K)."""
        return self._predict(images, statistics).numpy()

    def samples(self, images: Iterable[np.ndarray], statistics: list[Statistics]) -> np.ndarray:
        """Return p(y|x) of every Monte Carlo sample, float32 (T, n, K)."""
        batches = []
        for batch in images:
            batches.append(np.stack([self.predict(batch, sample) for sample in statistics]))
            log.info(
                "%d images, %d samples each", sum(b.shape[1] for b in batches), len(statistics)
            )
        return np.concatenate(batches, axis=1)

    def _forward_and_measure(self, batch: tf.Tensor) -> Statistics:
        self._set([None] * len(self._layers))
        self._model(batch, training=False)
        return [layer.statistics for layer in self._layers]

    def _forward_with(self, images: tf.Tensor, statistics: Statistics) -> tf.Tensor:
        self._set(statistics)
        return self._model(images, training=False)

    def _set(self, statistics: Iterable) -> None:
        for layer, values in zip(self._layers, statistics, strict=True):
            layer.statistics = values


def training_positions(
    length: int, batch_size: int, samples: int, seed: int
) -> Iterator[tuple[np.ndarray, list[str]]]:
    """Yield the positions of one random training batch per sample, without repeats in a batch.

    The keys beside them are those of its augmentation. Sample t is the same whatever the number
    of samples.
    """
    if batch_size > length:
        raise UserError(
            f"A Monte Carlo batch of {batch_size} images is larger than the training split, which "
            f"has {length}: lower uncertainty.batch_size or sweeps.batch_sizes."
        )
    for sample in range(samples):
        positions = generator(seed, "MC batch", sample).choice(length, batch_size, replace=False)
        yield positions, [f"MC sample {sample}, image {image}" for image in range(batch_size)]
