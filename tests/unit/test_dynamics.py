"""What is recorded of each training label while the network learns it."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from cxrnoise.core import manifests
from cxrnoise.networks import checkpoints, dynamics, inputs, objectives, training
from trainings import SCHEDULE, train, train_with_a_kill

RESTING = training.Schedule(**{**vars(SCHEDULE), "learning_rate": 1e-30})


@pytest.fixture(scope="module", autouse=True)
def deterministic():
    tf.config.experimental.enable_op_determinism()


@pytest.fixture
def radiographs(labelled_shard):
    labels, _, shards, _ = labelled_shard
    return inputs.Radiographs(labels, shards, crop=16)


@pytest.fixture
def findings(findings_shard):
    _, path, shards, _ = findings_shard
    return inputs.Source(path, shards, "findings", 16, None).training(seed=0)


def expected(images, model, schedule):
    """The dynamics of a network that does not learn, from passes of its own over each batch."""
    seen = {}
    batches = inputs.training_batches(images, schedule.batch_size, 0, first_step=0)
    steps = schedule.steps(len(images))
    for step, (pixels, target) in enumerate(batches.take(steps)):
        start = step * schedule.batch_size
        chosen = inputs.order(0, "training order", len(images), start, start + schedule.batch_size)
        said = model(pixels, training=True).numpy()
        for position, given_labels, p in zip(chosen, target.numpy(), said, strict=True):
            for column, name in enumerate(images.label):
                if images.target.ndim == 1:
                    other = np.delete(p, given_labels).max()
                    pair = np.log(p[given_labels]) - np.log(other), p[given_labels]
                elif given_labels[column] == -1:
                    continue
                else:
                    q = p[column] if given_labels[column] == 1 else 1 - p[column]
                    pair = np.log(q) - np.log(1 - q), q
                seen.setdefault((images.image[position], name), []).append(pair)
    return seen


def check(table, seen):
    for row in table.itertuples():
        pairs = np.array(seen.get((row.image, row.label), np.empty((0, 2))))
        assert row.epochs == len(pairs)
        if len(pairs):
            np.testing.assert_allclose([row.margin, row.probability], pairs.mean(axis=0), rtol=1e-3)
            right = pairs[:, 0] > 0
            events = (right[:-1] & ~right[1:]).sum()
            assert row.forgotten == (events if right.any() else len(right))
        else:
            assert np.isnan(row.margin) and np.isnan(row.probability)


def test_the_dynamics_are_those_of_the_passes_of_the_training(radiographs, tmp_path):
    model, state = train(radiographs, tmp_path, RESTING)
    table = dynamics.table(state.dynamics, radiographs)
    assert table["image"].tolist() == radiographs.image.tolist()
    assert set(table["label"]) == {"situs"}
    assert (table["epochs"] == 3).all()
    check(table, expected(radiographs, model, RESTING))


def test_each_finding_of_an_image_has_dynamics_where_it_is_known(findings, tmp_path):
    objective = objectives.findings(findings.target, cap=3)
    model, state = train(findings, tmp_path, RESTING, objective)
    table = dynamics.table(state.dynamics, findings)
    assert table["label"].tolist()[:3] == ["Effusion", "Mass", "Nodule"]
    assert (table["epochs"] == np.where(findings.target.ravel() == -1, 0, 3)).all()
    check(table, expected(findings, model, RESTING))


def test_a_repeated_image_counts_each_time(labelled_shard, tmp_path):
    labels, _, shards, _ = labelled_shard
    repeated = pd.concat([labels, labels[:5], labels[:5]], ignore_index=True)
    images = inputs.Radiographs(repeated, shards, crop=16)
    schedule = training.Schedule(**{**vars(RESTING), "epochs": 2})
    model, state = train(images, tmp_path, schedule)
    table = dynamics.table(state.dynamics, images)
    assert table["epochs"].tolist() == [6] * 5 + [2] * 19
    check(table, expected(images, model, schedule))


def test_a_label_that_a_short_training_never_saw_has_no_dynamics(radiographs, tmp_path):
    schedule = training.Schedule(**{**vars(RESTING), "epochs": 1, "batch_size": 5})
    _, state = train(radiographs, tmp_path, schedule)
    table = dynamics.table(state.dynamics, radiographs)
    assert sorted(table["epochs"]) == [0] * 4 + [1] * 20
    assert (table["margin"].isna() == (table["epochs"] == 0)).all()


@pytest.mark.parametrize("task", ["radiographs", "findings"])
def test_recording_changes_no_bit_of_the_network(task, request, tmp_path, monkeypatch):
    images = request.getfixturevalue(task)
    objective = objectives.findings(images.target, cap=3) if task == "findings" else None
    recorded, state = train(images, tmp_path / "recorded", objective=objective)
    assert state.dynamics["epochs"].sum() == 3 * (images.target >= 0).sum()
    monkeypatch.setattr(training, "Recorder", lambda *_: keras.callbacks.Callback())
    plain, state = train(images, tmp_path / "plain", objective=objective)
    assert not state.dynamics
    for one, other in zip(recorded.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_killed_training_leaves_the_same_dynamics(radiographs, tmp_path, monkeypatch):
    _, state = train(radiographs, tmp_path / "whole")
    _, resumed = train_with_a_kill(radiographs, tmp_path / "killed", monkeypatch, 2)
    for name, one in (("whole", state), ("killed", resumed)):
        table = dynamics.table(one.dynamics, radiographs)
        manifests.write(table, tmp_path / f"{name}.parquet", "dynamics", "{}")
    whole, killed = ((tmp_path / f"{name}.parquet").read_bytes() for name in ("whole", "killed"))
    assert whole == killed
    assert manifests.read(tmp_path / "whole.parquet", "dynamics")["epochs"].eq(3).all()


def test_the_same_network_can_be_trained_again(radiographs, tmp_path):
    model, _ = train(radiographs, tmp_path / "first", RESTING)
    state = checkpoints.State()
    with checkpoints.opened(tmp_path / "progress", "one") as saved:
        training.train(model, radiographs, radiographs, RESTING, 0, state, saved, tmp_path / "logs")
    check(dynamics.table(state.dynamics, radiographs), expected(radiographs, model, RESTING))


def test_margins_by_hand():
    target = np.array([0, 2, 1])
    logits = np.array([[2.0, 0.5, -1.0], [1.0, 3.0, 0.0], [0.0, 0.0, 0.0]])
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    margin, probability = dynamics.margins(target, p.astype(np.float32))
    np.testing.assert_allclose(margin.ravel(), [1.5, -3, 0], atol=1e-6)
    np.testing.assert_allclose(probability.ravel(), p[np.arange(3), target], rtol=1e-6)


def test_margins_of_certain_networks_are_finite():
    certain = np.array([[1, 0], [0, 1]], np.float32)
    margin, _ = dynamics.margins(np.array([0, 0]), certain)
    np.testing.assert_allclose(margin.ravel(), [87.3, -87.3], atol=0.1)
    margin, probability = dynamics.margins(np.array([[1, 0], [1, 0]]), certain)
    np.testing.assert_allclose(margin, [[16.1, 16.1], [-16.1, -16.1]], atol=0.1)
    np.testing.assert_array_equal(probability, [[1, 1], [0, 0]])


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.floats(0.01, 0.99)), max_size=40),
    st.integers(1, 7),
)
def test_dynamics_do_not_depend_on_how_many_steps_are_added_at_once(seen, size):
    table = pd.DataFrame(seen, columns=["row", "target", "p"])
    table.loc[table["row"] == 3, "target"] = -1  # never known
    rows, target = (table[name].to_numpy(int) for name in ("row", "target"))
    target, p = target.reshape(-1, 1), table["p"].to_numpy(np.float32).reshape(-1, 1)
    whole, parts = dynamics.nothing(4, 1), dynamics.nothing(4, 1)
    dynamics.add(whole, rows, target, p)
    for start in range(0, len(rows), size):
        part = slice(start, start + size)
        dynamics.add(parts, rows[part], target[part], p[part])
    for name in whole:
        np.testing.assert_allclose(parts[name], whole[name], atol=1e-9)
    assert whole["epochs"][3] == 0
    for row in range(3):
        of_row = rows == row
        right = dynamics.margins(target[of_row], p[of_row])[0][:, 0] > 0
        assert whole["forgotten"][row, 0] == (right[:-1] & ~right[1:]).sum()
        assert whole["epochs"][row, 0] == of_row.sum()
