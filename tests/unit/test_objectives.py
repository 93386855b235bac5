"""The loss of several findings: masked, weighted, and readable from a saved network."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cxrnoise.networks import objectives

TARGET = arrays(np.int32, (6, 3), elements=st.integers(-1, 1))
PROBABILITY = arrays(np.float32, (6, 3), elements=st.floats(1 / 64, 63 / 64, width=32))


@given(TARGET, PROBABILITY)
def test_the_loss_is_keras_own_where_everything_is_known_and_weighs_one(target, probability):
    known = np.abs(target)
    loss = objectives.MaskedBinaryCrossentropy([[1.0, 1.0]] * 3)
    expected = keras.losses.BinaryCrossentropy()(known, probability)
    assert float(loss(known, probability)) == pytest.approx(float(expected), rel=1e-4)


@given(TARGET, PROBABILITY, st.floats(0.01, 0.99))
def test_what_is_said_of_an_unknown_label_changes_nothing(target, probability, other):
    loss = objectives.MaskedBinaryCrossentropy([[1.0, 5.0], [2.0, 1.0], [1.0, 1.0]])
    changed = np.where(target < 0, np.float32(other), probability)
    assert float(loss(target, changed)) == float(loss(target, probability))
    one, two = (objectives.masked_accuracy(target, it) for it in (probability, changed))
    np.testing.assert_array_equal(one, two)


def test_a_label_of_the_rarer_side_weighs_more():
    loss = objectives.MaskedBinaryCrossentropy([[1.0, 4.0]])
    present = float(loss(np.array([[1]]), np.array([[0.5]], np.float32)))
    absent = float(loss(np.array([[0]]), np.array([[0.5]], np.float32)))
    assert present == pytest.approx(4 * absent)


def test_the_rarer_side_weighs_by_the_ratio_up_to_the_cap():
    target = np.array([[1, 0, 1, -1]] + [[0, 1, 1, 0]] * 3 + [[0, 0, 0, -1]] * 4).astype(np.int32)
    weights = objectives.rarer_side_weights(target, cap=5.0)
    np.testing.assert_allclose(weights[0], [1, 5])  # 7 absent to 1 present
    np.testing.assert_allclose(weights[1], [1, 5 / 3])
    np.testing.assert_allclose(weights[2], [1, 1])
    assert (weights <= 5).all()


def test_accuracy_counts_known_labels_alone():
    target = np.array([[1, 0, -1], [-1, -1, -1]])
    probability = np.array([[0.9, 0.8, 0.1], [0.5, 0.5, 0.5]], np.float32)
    np.testing.assert_allclose(objectives.masked_accuracy(target, probability), [0.5, 0])


def test_a_saved_network_of_findings_is_read_and_trained_on(tmp_path):
    objective = objectives.findings(np.array([[0, 1], [1, 1], [0, 0]]), cap=10.0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="sigmoid")])
    model.compile("sgd", objective.loss, metrics=[objective.accuracy])
    x, y = np.ones((3, 4), np.float32), np.array([[0, 1], [1, -1], [0, 0]])
    before = model.evaluate(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert restored.evaluate(x, y, verbose=0) == pytest.approx(before)
    assert restored.loss.weights == objective.loss.weights
