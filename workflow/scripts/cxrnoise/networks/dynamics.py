"""Training dynamics: what the network made of each training label while it learned.

They come from the forward passes of the training itself, which nothing is added to: each training
step also copies the probabilities of its batch into a variable, and a callback reads that variable
and adds up. So they are those of the varied images, with the batch's own statistics in batch
normalisation and with dropout, before the weights of that step are updated.
"""

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from cxrnoise.networks.checkpoints import State
from cxrnoise.networks.inputs import Radiographs, order
from cxrnoise.networks.objectives import SMALLEST

TINY = np.finfo(np.float32).tiny  # stands for a probability of 0 in a logarithm


class Recorder(keras.callbacks.Callback):
    """Adds the dynamics of every training step to `state.dynamics`.

    An image that is repeated in an epoch counts each time.
    """

    def __init__(self, state: State, training: Radiographs, batch_size: int, every: int, seed: int):
        super().__init__()
        self._training = training
        self._batch_size = batch_size
        self._every = every
        self._seed = seed
        self._row, images = pd.factorize(training.image)
        self._dynamics = state.dynamics
        if not self._dynamics:
            self._dynamics.update(nothing(len(images), len(training.label)))

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        self._columns = self._training.target[:1].size
        self._batches = _kept_batches(model, self._batch_size, self._columns)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._first = epoch * self._every

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        values = self._batches.numpy()
        end = (self._first + batch + 1) * self._batch_size
        length = len(self._training)
        positions = order(self._seed, "training order", length, end - len(values), end)
        target = values[:, : self._columns].astype(np.int32)
        if self._training.target.ndim == 1:
            target = target[:, 0]
        add(self._dynamics, self._row[positions], target, values[:, self._columns :])


def _kept_batches(model: keras.Model, batch_size: int, columns: int) -> tf.Variable:
    """Let the training steps of `model` keep the targets and probabilities of their batches.

    Returns
    -------
    float32 (steps in a call of TensorFlow × batch_size, columns of the target + K), of the last
    steps in their order.
    """
    if hasattr(model, "kept_batches"):
        return model.kept_batches
    zeros = tf.zeros((model.steps_per_execution * batch_size, columns + model.output_shape[-1]))
    # From a fixed shape TensorFlow would deduce the size of a batch and fold constants of the batch
    # normalisations in another order, which changes the last bits of their averages.
    kept = tf.Variable(zeros, trainable=False, shape=(None, zeros.shape[1]))
    compute_loss = model.compute_loss

    def keeping(x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if training:
            target = tf.reshape(tf.cast(y, tf.float32), (-1, columns))
            batch = tf.concat([target, y_pred], axis=1)
            kept.assign(tf.concat([kept[batch_size:], batch], axis=0))
        return compute_loss(x, y, y_pred, sample_weight, training=training)

    model.compute_loss = keeping  # as a subclass would, but a saved network has Keras' own class
    model.kept_batches = kept
    return kept


def nothing(images: int, labels: int) -> dict[str, np.ndarray]:
    """Return the dynamics before the first step, arrays (images, labels).

    margin, probability: float64, sums over the times that the label was seen; forgotten, epochs:
    int32; right: bool, whether the label was predicted when it was last seen; learnt: bool, whether
    it ever was.
    """
    shape = (images, labels)
    return {
        "margin": np.zeros(shape),
        "probability": np.zeros(shape),
        "forgotten": np.zeros(shape, np.int32),
        "epochs": np.zeros(shape, np.int32),
        "right": np.zeros(shape, bool),
        "learnt": np.zeros(shape, bool),
    }


def add(
    dynamics: dict[str, np.ndarray], rows: np.ndarray, target: np.ndarray, probabilities: np.ndarray
) -> None:
    """Add to `dynamics` what the network said of some images, in the order in which it saw them.

    Parameters
    ----------
    rows: integers (m,), the images' rows in `dynamics`; a row may be there several times.
    target: integers (m,), or (m, K) for findings with -1 where a label is not known.
    probabilities: float32 (m, K).
    """
    by_row = np.argsort(rows, kind="stable")
    rows, target, probabilities = rows[by_row], target[by_row], probabilities[by_row]
    margin, probability = margins(target, probabilities)
    known = (target >= 0).reshape(margin.shape)
    right = margin > 0
    before = dynamics["right"][rows]
    again = np.flatnonzero(rows[1:] == rows[:-1]) + 1
    before[again] = right[again - 1]
    np.add.at(dynamics["margin"], rows, np.where(known, margin, 0))
    np.add.at(dynamics["probability"], rows, np.where(known, probability, 0))
    np.add.at(dynamics["forgotten"], rows, before & ~right & known)
    np.add.at(dynamics["epochs"], rows, known)
    np.logical_or.at(dynamics["learnt"], rows, right & known)
    dynamics["right"][rows] = right  # of a row that is there several times the last one counts


def margins(target: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return logit margin and probability of the given labels, float64 (m, 1) or (m, K).

    The margin of a class is its logit less the largest other logit (Pleiss et al., NeurIPS 2020).
    Logits are taken from the probabilities, so that it lies between -88 and 88. The margin of a
    finding is its logit where it is given as present and minus the logit where it is given as
    absent, between -16.2 and 16.2, because single precision and the loss tell no more apart.

    Parameters
    ----------
    target: integers (m,), or (m, K) for findings; where it is -1, the result means nothing.
    probabilities: float32 (m, K).
    """
    probabilities = probabilities.astype(np.float64)
    if target.ndim == 1:
        given = np.arange(probabilities.shape[1]) == target[:, np.newaxis]
        probability = probabilities[given]
        other = np.where(given, 0, probabilities).max(axis=1)
        margin = np.log(np.maximum(probability, TINY)) - np.log(np.maximum(other, TINY))
        return margin[:, np.newaxis], probability[:, np.newaxis]
    probability = np.where(target == 1, probabilities, 1 - probabilities)
    inside = np.clip(probability, SMALLEST, 1 - SMALLEST)
    return np.log(inside) - np.log1p(-inside), probability


def table(dynamics: dict[str, np.ndarray], training: Radiographs) -> pd.DataFrame:
    """Return the manifest `dynamics`, a row a training label in the order of the labels.

    A label that was never predicted counts as forgotten each time (Toneva et al., ICLR 2019).
    Where a label was never seen, because it is not known or the training ended early, `epochs` is
    0 and margin and probability are NaN.
    """
    images = pd.unique(training.image)
    epochs = dynamics["epochs"].ravel()
    seen = np.where(epochs > 0, epochs, np.nan)
    return pd.DataFrame(
        {
            "image": np.repeat(images, len(training.label)),
            "label": np.tile(training.label, len(images)),
            "margin": dynamics["margin"].ravel() / seen,
            "probability": dynamics["probability"].ravel() / seen,
            "forgotten": np.where(
                dynamics["learnt"].ravel(), dynamics["forgotten"].ravel(), epochs
            ),
            "epochs": epochs,
        }
    )
