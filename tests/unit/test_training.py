import json
import logging

import keras
import numpy as np
import pytest
import tensorflow as tf

from cxrnoise.core.errors import UserError
from cxrnoise.networks import architectures, checkpoints, inputs, training

SCHEDULE = training.Schedule(
    epochs=4,
    batch_size=4,
    learning_rate=0.01,
    momentum=0.9,
    batch_norm_decay=0.9,
    validate_every_steps=5,
    stop_below=0,
    checkpoint_minutes=0,
)


@pytest.fixture(scope="module", autouse=True)
def deterministic():
    tf.config.experimental.enable_op_determinism()


@pytest.fixture
def radiographs(labelled_shard):
    labels, path, shards, _ = labelled_shard
    return inputs.Radiographs(labels, path, shards, crop=16)


class Killed(Exception):
    pass


class KillAfter(keras.callbacks.Callback):
    def __init__(self, batches):
        super().__init__()
        self.left = batches

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise Killed


def run(radiographs, folder, schedule=SCHEDULE, weights=None, fingerprint="one"):
    keras.utils.set_random_seed(0)
    with checkpoints.opened(folder / "progress", fingerprint) as saved:
        model, state = saved.restore() or (
            training.initial_model("small", 16, schedule, weights, xla=False),
            checkpoints.State(),
        )
        history = training.train(
            model, radiographs, radiographs, schedule, 0, state, saved, folder / "tensorboard"
        )
    return model, history


def test_the_schedule_counts_whole_batches_over_the_end_of_an_epoch(radiographs, tmp_path):
    _, history = run(radiographs, tmp_path)
    assert SCHEDULE.steps(len(radiographs)) == 24
    assert history["step"].tolist() == [5, 10, 15, 20, 24]
    assert (tmp_path / "tensorboard").exists()
    assert not (tmp_path / "progress").exists()


def test_the_learning_rate_is_halved_unless_the_loss_improved_on_the_previous_one(
    radiographs, tmp_path
):
    schedule = training.Schedule(**{**vars(SCHEDULE), "epochs": 12, "learning_rate": 0.3})
    _, history = run(radiographs, tmp_path, schedule)
    loss, rate = history["val_loss"].to_numpy(), history["learning_rate"].to_numpy()
    not_improved = ~(loss[1:] < loss[:-1])
    assert not_improved.any()
    expected = 0.3 * 0.5 ** np.concatenate([[0, 0], np.cumsum(not_improved)[:-1]])
    np.testing.assert_allclose(rate, expected, rtol=1e-6)


def test_the_papers_optimiser_and_loss():
    model = training.initial_model("small", 16, SCHEDULE, None, xla=False)
    assert type(model.optimizer) is keras.optimizers.SGD
    assert float(model.optimizer.learning_rate) == pytest.approx(SCHEDULE.learning_rate)
    assert (model.optimizer.momentum, model.optimizer.nesterov) == (SCHEDULE.momentum, False)
    assert type(model.loss) is keras.losses.SparseCategoricalCrossentropy
    momenta = {layer.momentum for layer in architectures.batch_normalizations(model)}
    assert momenta == {SCHEDULE.batch_norm_decay}


@pytest.fixture
def precision(request):
    keras.config.set_dtype_policy(request.param)
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("batches", "precision"),
    [(7, "float32"), (13, "float32"), (22, "float32"), (13, "mixed_float16")],
    indirect=["precision"],
)
def test_a_killed_training_ends_with_the_same_bits(
    radiographs, tmp_path, monkeypatch, batches, precision
):
    whole, history = run(radiographs, tmp_path / "whole")
    with monkeypatch.context() as patch:
        kill = KillAfter(batches)
        patch.setattr(keras.callbacks, "TensorBoard", lambda *_, **__: kill)
        with pytest.raises(Killed):
            run(radiographs, tmp_path / "killed")
    resumed, resumed_history = run(radiographs, tmp_path / "killed")
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    columns = ["step", "loss", "val_loss", "learning_rate"]
    assert history[columns].equals(resumed_history[columns])


def test_progress_of_another_training_is_left_and_said(radiographs, tmp_path, caplog):
    (tmp_path / "progress").mkdir()
    store = checkpoints.Progress(tmp_path / "progress", "other")
    model = training.initial_model("small", 16, SCHEDULE, None, xla=False)
    store.save(model, checkpoints.State(step=20))
    with caplog.at_level(logging.INFO):
        _, history = run(radiographs, tmp_path)
    assert "starting from the beginning" in caplog.text
    assert history["step"].iloc[0] == 5


def test_a_loss_that_is_no_number_stops_the_training(radiographs, tmp_path):
    schedule = training.Schedule(**{**vars(SCHEDULE), "learning_rate": 1e30})
    with pytest.raises(UserError, match="the loss is not a number after step"):
        run(radiographs, tmp_path, schedule)


def test_a_training_split_smaller_than_a_batch_is_refused(radiographs, tmp_path):
    schedule = training.Schedule(**{**vars(SCHEDULE), "batch_size": 1000})
    with pytest.raises(UserError, match="less than one batch of 1000"):
        run(radiographs, tmp_path, schedule)


def test_the_log_can_be_followed(radiographs, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        run(radiographs, tmp_path)
    line = next(text for text in caplog.messages if text.startswith("step 10/24"))
    for part in ("loss", "validation loss", "learning rate", "images/s", "min left"):
        assert part in line


def test_the_model_is_saved_with_its_history_and_what_made_it(radiographs, tmp_path):
    model, history = run(radiographs, tmp_path)
    path = tmp_path / "run" / "model.keras"
    assert not training.is_saved(path, json.dumps({"seed": 0}))
    training.save(model, history, path, json.dumps({"seed": 0}))
    assert training.is_saved(path, json.dumps({"seed": 0}))
    assert not training.is_saved(path, json.dumps({"seed": 1}))
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "history.csv",
        "model.keras",
        "provenance.json",
    ]
    assert json.loads((path.parent / "provenance.json").read_text()) == {"seed": 0}


def test_a_full_disk_leaves_no_half_of_a_model_and_a_sentence(radiographs, tmp_path, full_disk):
    model, history = run(radiographs, tmp_path)
    path = tmp_path / "run" / "model.keras"
    with full_disk(100_000), pytest.raises(UserError, match="model.keras could not be written"):
        training.save(model, history, path, "{}")
    assert not list(path.parent.glob("*.keras")) and not list(path.parent.glob(".*"))


def test_a_full_disk_under_the_training_curves_is_one_sentence(radiographs, tmp_path, full_disk):
    with (
        full_disk(10),
        pytest.raises(UserError, match="training curves in .* could not be written"),
    ):
        run(radiographs, tmp_path)


def test_training_ends_when_the_learning_rate_is_below_its_limit(radiographs, tmp_path):
    schedule = training.Schedule(**{**vars(SCHEDULE), "epochs": 200, "stop_below": 0.004})
    _, history = run(radiographs, tmp_path, schedule)
    assert history["step"].iloc[-1] < schedule.steps(len(radiographs))
    assert history["learning_rate"].iloc[-1] / 2 < 0.004 <= history["learning_rate"].iloc[-1]
