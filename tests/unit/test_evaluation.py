"""How well a network finds a finding, against formulae written anew."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrnoise.report import curves
from cxrnoise.statistics import evaluation
from cxrnoise.statistics.evaluation import Predicted


def example(n=200, seed=0, images_per_patient=1):
    rng = np.random.default_rng(seed)
    label = np.arange(n) % 4 == 0
    probability = np.clip(rng.normal(0.35 + 0.3 * label, 0.2), 0, 1)
    return Predicted(label.astype(int), probability, np.arange(n) // images_per_patient)


def values(table):
    return table.set_index("measure")["value"]


@given(st.integers(0, 50))
def test_auc_is_the_share_of_pairs_in_the_right_order(seed):
    rng = np.random.default_rng(seed)
    label = np.r_[0, 1, rng.integers(0, 2, 18)]
    probability = rng.integers(0, 6, 20) / 5
    one, other = probability[label == 1], probability[label == 0]
    pairs = (one[:, None] > other) + 0.5 * (one[:, None] == other)
    assert evaluation.SCORES["auc"](label, probability) == pytest.approx(pairs.mean())


def test_shares_of_a_hand_computed_case():
    test = Predicted(
        np.array([1, 1, 1, 0, 0, 0, 0]),
        np.array([0.9, 0.6, 0.2, 0.7, 0.4, 0.1, 0.3]),
        np.arange(7),
    )
    measured = values(evaluation.evaluate(test, test, seed=0))
    assert measured["accuracy_0.5"] == pytest.approx(5 / 7)
    assert measured["sensitivity_0.5"] == pytest.approx(2 / 3)
    assert measured["specificity_0.5"] == pytest.approx(3 / 4)
    assert measured["positive_predictive_value_0.5"] == pytest.approx(2 / 3)
    assert measured["false_negative_0.5"] == 1
    assert measured["images"] == 7


def test_the_threshold_of_the_validation_split_separates_what_can_be_separated():
    validation = Predicted(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.9]), np.arange(4))
    assert evaluation.youden(validation) == 0.3


def test_intervals_hold_the_value_and_grow_when_patients_have_several_images():
    single = evaluation.evaluate(example(), example(seed=1), seed=0).set_index("measure")
    clustered = evaluation.evaluate(
        example(images_per_patient=20), example(seed=1), seed=0
    ).set_index("measure")
    for measure in ("auc", "average_precision", "brier", "accuracy_0.5"):
        low, value, high = single.loc[measure, ["low", "value", "high"]]
        assert low < value < high
    assert single.at["auc", "value"] == clustered.at["auc", "value"]
    assert single.at["auc", "low"] != clustered.at["auc", "low"]


def test_the_same_seed_gives_the_same_intervals():
    pd.testing.assert_frame_equal(
        evaluation.evaluate(example(), example(), seed=3),
        evaluation.evaluate(example(), example(), seed=3),
    )


def test_predictions_are_matched_by_image():
    labels = pd.DataFrame(
        {"image": ["a", "b"], "split": "test", "given_label": [0, 1], "patient": ["1", "2"]}
    )
    predictions = pd.DataFrame({"image": ["b", "a"], "p1": [0.9, 0.2]})
    matched = evaluation.predicted(labels, predictions, "test")
    assert matched.probability.tolist() == [0.2, 0.9]


def test_the_figure_says_what_the_table_says():
    test = example()
    table = evaluation.evaluate(test, example(seed=1), seed=0)
    figure = curves.draw(test, table, "Emphysema, phantom")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0].startswith(f"AUC {values(table)['auc']:.3f} [")
    assert "200 test images" in figure.get_suptitle()
