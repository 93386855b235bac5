"""Training as the paper has it (section 2.2), resumable after a kill.

After every `validate_every_steps` steps the loss of the whole validation split is compared
with the previous one, and the learning rate is halved unless it improved.
"""

import json
import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras
import pandas as pd
import tensorflow as tf

from cxrnoise.core.errors import UserError
from cxrnoise.core.files import replacing
from cxrnoise.networks import architectures, weights
from cxrnoise.networks.checkpoints import Progress, State
from cxrnoise.networks.dynamics import Recorder
from cxrnoise.networks.inputs import Radiographs, evaluation_batches, training_batches
from cxrnoise.networks.objectives import Objective

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 30
VALIDATION_BATCH = 128
MOST_STEPS_PER_CALL = 10  # of TensorFlow from Python, which costs a small network much of its time


@dataclass(frozen=True)
class Schedule:
    """The keys of `training` in the configuration, and the steps that follow from them."""

    epochs: float
    batch_size: int
    learning_rate: float
    momentum: float
    batch_norm_decay: float
    validate_every_steps: int
    stop_below: float
    checkpoint_minutes: float

    def steps(self, images: int) -> int:
        """Return the number of steps; batches go on over the end of an epoch."""
        return int(self.epochs * images) // self.batch_size


def initial_model(
    backbone: str,
    crop: int,
    schedule: Schedule,
    objective: Objective,
    pretrained: weights.Weights | None,
    xla: bool,
) -> keras.Model:
    """Return the compiled network, with pretrained weights if there are any.

    It has fused batch normalisations; `save` puts those of Keras in their place.
    """
    model = architectures.build(
        backbone,
        crop,
        schedule.batch_norm_decay,
        objective.outputs,
        objective.activation,
        pretrained.expects if pretrained else None,
    )
    if pretrained:
        weights.load(model, pretrained)
    model = architectures.with_batch_norm(model, architectures.FusedBatchNormalization)
    model.compile(
        optimizer=keras.optimizers.SGD(schedule.learning_rate, momentum=schedule.momentum),
        loss=objective.loss,
        metrics=[objective.accuracy],
        jit_compile=xla,
    )
    return model


def train(
    model: keras.Model,
    training: Radiographs,
    validation: Radiographs,
    schedule: Schedule,
    seed: int,
    state: State,
    progress: Progress,
    tensorboard: str | Path,
) -> pd.DataFrame:
    """Train `model` from `state` to the end of `schedule`, or to its least learning rate.

    The training dynamics are in `state.dynamics` afterwards.

    Returns
    -------
    one row per validation: step, loss, accuracy, val_loss, val_accuracy, learning_rate (the
    one of these steps), images_per_second.

    Raises `UserError` when the loss is not a number, or there is less than one batch.
    """
    total = schedule.steps(len(training))
    if total == 0:
        raise UserError(
            f"the training split has {len(training)} images, less than one batch of "
            f"{schedule.batch_size}: lower training.batch_size or enlarge the split."
        )
    every = schedule.validate_every_steps
    callbacks = [
        Log(state, schedule, total),
        Recorder(state, training, schedule.batch_size, every, seed),
        History(state, schedule, total),
        HalveLearningRate(state),
        Stop(schedule.stop_below),
        Checkpoint(state, progress, schedule.checkpoint_minutes),
        keras.callbacks.TensorBoard(tensorboard, write_graph=False),
    ]
    model.steps_per_execution = math.gcd(every, total % every, MOST_STEPS_PER_CALL)
    for end in dict.fromkeys([total // every * every, total]):  # whole rounds, then the rest
        if state.step < end and not _stopped(model, schedule.stop_below):
            steps = min(every, end - state.step)
            with _full_disk_of(tensorboard):
                model.fit(
                    training_batches(training, schedule.batch_size, seed, state.step),
                    validation_data=evaluation_batches(validation, VALIDATION_BATCH, seed),
                    initial_epoch=math.ceil(state.step / every),
                    epochs=math.ceil(end / every),
                    steps_per_epoch=steps,
                    callbacks=callbacks,
                    shuffle=False,
                    verbose=0,
                )
    return pd.DataFrame(state.history)


def _stopped(model: keras.Model, stop_below: float) -> bool:
    return float(model.optimizer.learning_rate) < stop_below


@contextmanager
def _full_disk_of(tensorboard: str | Path) -> Iterator[None]:
    try:
        yield
    except tf.errors.OpError as error:
        if str(tensorboard) not in str(error):
            raise
        raise UserError(
            f"the training curves in {tensorboard} could not be written ({error.message}): free "
            "some space, then run the same command again."
        ) from error


def save(model: keras.Model, history: pd.DataFrame, path: str | Path, provenance: str) -> None:
    """Write `model` in the Keras 3 format, its history and what made it beside it.

    The file holds layers of Keras alone and no optimiser. The history is a CSV file beside it;
    the provenance is in a JSON file beside both.
    """
    path = Path(path)
    with replacing(path.with_name("history.csv")) as temporary:
        history.to_csv(temporary, index=False, float_format="%.7g")
    with replacing(path.with_name("provenance.json")) as temporary:
        temporary.write_text(_text(provenance))
    with replacing(path) as temporary:
        architectures.with_batch_norm(model, keras.layers.BatchNormalization).save(temporary)


def is_saved(path: str | Path, provenance: str) -> bool:
    """Whether `save` has written this network: another process may have while this one waited."""
    path = Path(path)
    beside = path.with_name("provenance.json")
    return path.exists() and beside.exists() and beside.read_text() == _text(provenance)


def _text(provenance: str) -> str:
    return json.dumps(json.loads(provenance), indent=1) + "\n"


class History(keras.callbacks.Callback):
    """Adds a row to the history after every validation, and counts the steps."""

    def __init__(self, state: State, schedule: Schedule, total: int):
        super().__init__()
        self._state = state
        self._schedule = schedule
        self._total = total

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._started = time.monotonic()

    def on_test_begin(self, logs: dict | None = None) -> None:
        self._trained = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        before = self._state.step
        self._state.step = min((epoch + 1) * self._schedule.validate_every_steps, self._total)
        images = (self._state.step - before) * self._schedule.batch_size
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        logs["images_per_second"] = images / (self._trained - self._started)
        self._state.history.append(
            {"step": self._state.step, **{key: float(value) for key, value in logs.items()}}
        )


class HalveLearningRate(keras.callbacks.Callback):
    """Halves the learning rate unless the validation loss improved on the previous one.

    `keras.callbacks.ReduceLROnPlateau` compares with the best loss so far, the paper with the
    previous one.
    """

    def __init__(self, state: State):
        super().__init__()
        self._state = state

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        losses = [row["val_loss"] for row in self._state.history[-2:]]
        if len(losses) == 2 and not losses[1] < losses[0]:
            optimizer = self.model.optimizer
            optimizer.learning_rate = float(optimizer.learning_rate) / 2
            log.info("validation loss not improved: learning rate %g", optimizer.learning_rate)


class Stop(keras.callbacks.Callback):
    """Ends the training when the learning rate is below a limit (paper, section 2.3)."""

    def __init__(self, below: float):
        super().__init__()
        self._below = below

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        if _stopped(self.model, self._below):
            log.info("learning rate below %g: training ends", self._below)
            self.model.stop_training = True


class Checkpoint(keras.callbacks.Callback):
    """Saves the progress after a validation, when the last time was long enough ago."""

    def __init__(self, state: State, progress: Progress, minutes: float):
        super().__init__()
        self._state = state
        self._progress = progress
        self._seconds = 60 * minutes
        self._saved = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        if time.monotonic() - self._saved >= self._seconds:
            self._progress.save(self.model, self._state)
            self._saved = time.monotonic()


class Log(keras.callbacks.Callback):
    """Writes a line that a person can follow, and stops when the loss is not a number."""

    def __init__(self, state: State, schedule: Schedule, total: int):
        super().__init__()
        self._state = state
        self._schedule = schedule
        self._total = total

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._first = self._state.step
        self._started = self._written = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._offset = epoch * self._schedule.validate_every_steps

    def on_train_batch_end(self, batch: int, logs: dict) -> None:
        step = self._offset + batch + 1
        if not math.isfinite(logs["loss"]):
            raise UserError(
                f"the loss is not a number after step {step}: lower training.learning_rate or "
                "check the weights, then run the same command again."
            )
        if time.monotonic() - self._written > SECONDS_BETWEEN_LINES:
            self._line(step, logs)

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        step = min(self._offset + self._schedule.validate_every_steps, self._total)
        self._line(step, logs)

    def _line(self, step: int, logs: dict) -> None:
        self._written = time.monotonic()
        speed = (step - self._first) / (self._written - self._started)
        parts = [f"step {step}/{self._total}", f"loss {logs['loss']:.4f}"]
        if "val_loss" in logs:
            parts.append(f"validation loss {logs['val_loss']:.4f}")
        parts += [
            f"learning rate {float(self.model.optimizer.learning_rate):g}",
            f"{speed * self._schedule.batch_size:.1f} images/s",
            f"{(self._total - step) / speed / 60:.1f} min left",
        ]
        log.info(", ".join(parts))
