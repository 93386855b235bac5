"""Trainings of a tiny network, for tests; one of them may be killed."""

import keras
import pytest

from cxrnoise.networks import checkpoints, objectives, training

SCHEDULE = training.Schedule(
    epochs=3,
    batch_size=4,
    learning_rate=0.05,
    momentum=0.9,
    batch_norm_decay=0.9,
    validate_every_steps=4,
    stop_below=0,
    checkpoint_minutes=0,
)


class Killed(Exception):
    """Ends a training as a kill would."""


class KillAfter(keras.callbacks.Callback):
    def __init__(self, calls):
        super().__init__()
        self.left = calls

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise Killed


def train(images, folder, schedule=SCHEDULE, objective=None, backbone="small"):
    """Return the network and the state after a training that continues what is in the folder."""
    keras.utils.set_random_seed(0)
    objective = objective or objectives.exclusive(2)
    with checkpoints.opened(folder / "progress", "one") as saved:
        model, state = saved.restore() or (
            training.initial_model(backbone, 16, schedule, objective, None, xla=False),
            checkpoints.State(),
        )
        training.train(model, images, images, schedule, 0, state, saved, folder / "tensorboard")
    return model, state


def train_with_a_kill(images, folder, monkeypatch, calls, **options):
    """Return the same after a training that was killed after `calls` of TensorFlow and resumed."""
    with monkeypatch.context() as patch:
        patch.setattr(keras.callbacks, "TensorBoard", lambda *_, **__: KillAfter(calls))
        with pytest.raises(Killed):
            train(images, folder, **options)
    return train(images, folder, **options)
