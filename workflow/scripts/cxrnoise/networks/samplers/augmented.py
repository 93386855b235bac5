"""Test-time augmentation: an image is predicted in several varied views.

A view depends on the seed, its number and the name of the image, so that the order and the batching
of the images change nothing (Wang et al., Neurocomputing 338, 2019).
"""

import logging

import keras
import numpy as np
import tensorflow as tf

from cxrnoise.networks.architectures import FusedBatchNormalization, with_batch_norm
from cxrnoise.networks.inputs import Radiographs

log = logging.getLogger(__name__)


def samples(
    model: keras.Model, radiographs: Radiographs, views: int, seed: int, batch_size: int
) -> np.ndarray:
    """Return p(y|x) of each view of each image, float32 (views, n, K).

    Parameters
    ----------
    radiographs: the n images with their variation, see `inputs.Source.varied`.
    batch_size: images of a forward pass.
    """
    model = with_batch_norm(model, FusedBatchNormalization)
    predict = tf.function(lambda pixels: model(tf.cast(pixels, tf.float32), training=False))
    probabilities = np.empty((views, len(radiographs), model.output_shape[-1]), np.float32)
    for start in range(0, len(radiographs), batch_size):
        chosen = np.arange(start, min(start + batch_size, len(radiographs)))
        for view in range(views):
            keys = [f"view {view}, {image}" for image in radiographs.image[chosen]]
            pixels, _ = radiographs.training_batch(chosen, seed, keys)
            probabilities[view, chosen] = predict(pixels)
        log.info("%d images, %d views each", chosen[-1] + 1, views)
    return probabilities
