"""Monte Carlo dropout (Gal and Ghahramani, ICML 2016): predictions with dropout switched on.

A sample is one set of masks, a mask a dropout layer, and all images are predicted with it, as they
are with the statistics of one batch in Monte Carlo batch normalisation. So a sample is one thinned
network, and the order and the batching of the images change nothing. For one image the samples are
distributed as with masks of its own. What images share is the luck of the draw: in a small number
of samples their means and variances err together.
"""

import logging
from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from cxrnoise.core.errors import UserError
from cxrnoise.core.randomness import generator
from cxrnoise.networks.architectures import FusedBatchNormalization, with_batch_norm, with_layers

log = logging.getLogger(__name__)

Masks = list[np.ndarray]


class MaskedDropout(layers.Dropout):
    """Multiplies every image by `mask`: 0 where something is dropped, else 1 / (1 - rate)."""

    mask: tf.Tensor | None = None

    def call(self, inputs, training=None) -> tf.Tensor:
        return inputs if self.mask is None else inputs * tf.cast(self.mask, inputs.dtype)

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Return a random mask, float32, with the shape of an image's input or 1 along an axis."""
        shape = self.input.shape[1:]
        if self.noise_shape is not None:
            pairs = zip(shape, self.noise_shape[1:], strict=True)
            shape = [side if noise is None else noise for side, noise in pairs]
        kept = rng.random(shape) >= self.rate
        return (kept / (1 - self.rate)).astype(np.float32)


class MonteCarloDropout:
    """The network `model` with masks in its dropout layers; `model` itself is not changed.

    Raises `UserError` when it has no dropout.
    """

    def __init__(self, model: keras.Model):
        model = with_batch_norm(model, FusedBatchNormalization)
        self._model = with_layers(model, layers.Dropout, MaskedDropout)
        self._layers = [layer for layer in self._model.layers if isinstance(layer, MaskedDropout)]
        if not any(layer.rate for layer in self._layers):
            raise UserError(
                f"The network {model.name} has no dropout, of which samples could be drawn: set "
                "network.backbone to small-dropout, or do without Monte Carlo dropout."
            )
        self._predict = tf.function(self._forward_with)

    def masks(self, samples: int, seed: int) -> list[Masks]:
        """Return the masks of each sample; those of a sample do not depend on their number."""
        drawn = []
        for sample in range(samples):
            rng = generator(seed, "MC dropout", sample)
            drawn.append([layer.draw(rng) for layer in self._layers])
        return drawn

    def predict(self, images: np.ndarray, masks: Masks) -> np.ndarray:
        """Return p(y|x) under `masks`, float32 (n, K); images are float32 (n, size, size, 1)."""
        return self._predict(images, masks).numpy()

    def samples(self, images: Iterable[np.ndarray], masks: list[Masks]) -> np.ndarray:
        """Return p(y|x) of every sample, float32 (T, n, K)."""
        batches = []
        for batch in images:
            batches.append(np.stack([self.predict(batch, sample) for sample in masks]))
            log.info("%d images, %d samples each", sum(b.shape[1] for b in batches), len(masks))
        return np.concatenate(batches, axis=1)

    def _forward_with(self, images: tf.Tensor, masks: Masks) -> tf.Tensor:
        for layer, mask in zip(self._layers, masks, strict=True):
            layer.mask = mask
        return self._model(images, training=False)
