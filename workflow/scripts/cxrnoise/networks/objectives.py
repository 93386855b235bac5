"""What a network is trained for: its outputs, its loss and its accuracy."""

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

SMALLEST = 1e-7  # of a probability in a logarithm, as in Keras


@dataclass(frozen=True)
class Objective:
    """outputs: number of probabilities; activation: `softmax` over them, or `sigmoid` of each."""

    outputs: int
    activation: str
    loss: keras.losses.Loss
    accuracy: keras.metrics.Metric


def exclusive(classes: int) -> Objective:
    """Return the paper's objective: the cross-entropy of one class of several."""
    return Objective(
        classes,
        "softmax",
        keras.losses.SparseCategoricalCrossentropy(),
        keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
    )


def findings(target: np.ndarray, cap: float) -> Objective:
    """Return the objective of several findings, each present or absent.

    Parameters
    ----------
    target: integers (n, K), the training labels; -1 is unknown and left out.
    cap: the largest weight of the rarer side of a finding, whose other side has the weight 1.
    """
    return Objective(
        target.shape[1],
        "sigmoid",
        MaskedBinaryCrossentropy(rarer_side_weights(target, cap).tolist()),
        keras.metrics.MeanMetricWrapper(masked_accuracy, name="accuracy"),
    )


def rarer_side_weights(target: np.ndarray, cap: float) -> np.ndarray:
    """Return the weights of absent and present per finding, float64 (K, 2).

    The rarer side weighs as much more as the other is more frequent, at most `cap`.
    """
    counts = np.stack([(target == 0).sum(axis=0), (target == 1).sum(axis=0)], axis=1)
    return np.clip(counts.max(axis=1, keepdims=True) / np.maximum(counts, 1), 1.0, cap)


@keras.saving.register_keras_serializable("cxrnoise")
class MaskedBinaryCrossentropy(keras.losses.Loss):
    """Mean weighted binary cross-entropy over K findings; labels of -1 add nothing.

    weights: K pairs, of absent and of present.
    """

    def __init__(self, weights: list, name: str = "masked_binary_crossentropy", **options):
        super().__init__(name=name, **options)
        self.weights = weights

    def call(self, y_true, y_pred):
        absent, present = np.transpose(self.weights).astype(np.float32)
        probability = ops.clip(y_pred, SMALLEST, 1 - SMALLEST)
        of_present = -present * ops.log(probability)
        of_absent = -absent * ops.log(1 - probability)
        loss = ops.where(y_true == 1, of_present, of_absent)
        return ops.mean(ops.where(y_true >= 0, loss, 0.0), axis=-1)

    def get_config(self) -> dict:
        return super().get_config() | {"weights": self.weights}


@keras.saving.register_keras_serializable("cxrnoise")
def masked_accuracy(y_true, y_pred):
    """Return the share of an image's known findings that are predicted right, (n,)."""
    known = ops.cast(y_true >= 0, "float32")
    right = ops.cast((y_pred >= 0.5) == (y_true == 1), "float32") * known
    return ops.sum(right, axis=-1) / ops.maximum(ops.sum(known, axis=-1), 1.0)
