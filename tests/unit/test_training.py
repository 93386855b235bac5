import json
import logging

import keras
import numpy as np
import pytest
import tensorflow as tf

from cxrnoise.core.errors import UserError
from cxrnoise.networks import architectures, checkpoints, inputs, objectives, training
from trainings import KillAfter, Killed

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
    labels, _, shards, _ = labelled_shard
    return inputs.Radiographs(labels, shards, crop=16)


def initial(schedule=SCHEDULE, objective=None):
    objective = objective or objectives.exclusive(2)
    return training.initial_model("small", 16, schedule, objective, None, xla=False)


def run(radiographs, folder, schedule=SCHEDULE, objective=None):
    keras.utils.set_random_seed(0)
    with checkpoints.opened(folder / "progress", "one") as saved:
        model, state = saved.restore() or (initial(schedule, objective), checkpoints.State())
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
    model = initial()
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
    ("batches", "epochs", "precision"),
    [(13, 4, "float32"), (7, 1.6, "mixed_float16")],
    indirect=["precision"],
)
def test_a_killed_training_ends_with_the_same_bits(
    radiographs, tmp_path, monkeypatch, batches, epochs, precision
):
    schedule = training.Schedule(**{**vars(SCHEDULE), "epochs": epochs})
    killed_and_resumed(radiographs, tmp_path, monkeypatch, batches, schedule=schedule)


def killed_and_resumed(radiographs, folder, monkeypatch, batches, **options):
    """Train once to the end and once with a kill; return the history, which must be one."""
    whole, history = run(radiographs, folder / "whole", **options)
    with monkeypatch.context() as patch:
        kill = KillAfter(batches)
        patch.setattr(keras.callbacks, "TensorBoard", lambda *_, **__: kill)
        with pytest.raises(Killed):
            run(radiographs, folder / "killed", **options)
    resumed, resumed_history = run(radiographs, folder / "killed", **options)
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    columns = ["step", "loss", "val_loss", "learning_rate"]
    assert history[columns].equals(resumed_history[columns])
    return history


LONGER = training.Schedule(**{**vars(SCHEDULE), "epochs": 9.9, "learning_rate": 0.05})


def test_several_findings_are_learned_and_resumed_to_the_same_bits(
    findings_shard, tmp_path, monkeypatch
):
    target, path, shards, _ = findings_shard
    images = inputs.Source(path, shards, "findings", 16, None).training(seed=0)
    objective = objectives.findings(target, cap=3)
    history = killed_and_resumed(
        images, tmp_path, monkeypatch, 33, schedule=LONGER, objective=objective
    )
    assert history["loss"].iloc[-1] < 0.7 * history["loss"].iloc[0]
    assert history["accuracy"].iloc[-1] > history["accuracy"].iloc[0]


def test_three_classes_are_learned(labelled_shard, tmp_path):
    labels, path, shards, _ = labelled_shard
    value = (np.arange(24) % 3).astype(np.int8)
    labels = labels.assign(true_label=value, reported_label=value, given_label=value)
    images = inputs.Radiographs(labels, shards, crop=16)
    model, history = run(images, tmp_path, LONGER, objectives.exclusive(3))
    probabilities = model.predict(images.batch(np.arange(24)).astype("float32"), verbose=0)
    assert probabilities.shape == (24, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert history["loss"].iloc[-1] < 0.7 * history["loss"].iloc[0]


def test_progress_of_another_training_is_left_and_said(radiographs, tmp_path, caplog):
    (tmp_path / "progress").mkdir()
    store = checkpoints.Progress(tmp_path / "progress", "other")
    model = initial()
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
        full_disk(100),
        pytest.raises(UserError, match="training curves in .* could not be written"),
    ):
        run(radiographs, tmp_path)


def test_training_ends_when_the_learning_rate_is_below_its_limit(radiographs, tmp_path):
    schedule = training.Schedule(**{**vars(SCHEDULE), "epochs": 200, "stop_below": 0.004})
    _, history = run(radiographs, tmp_path, schedule)
    assert history["step"].iloc[-1] < schedule.steps(len(radiographs))
    assert history["learning_rate"].iloc[-1] / 2 < 0.004 <= history["learning_rate"].iloc[-1]
