"""How well a network predicts the given labels, against formulas written anew."""

import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

import runs
from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.report import curves, saving
from cxrnoise.statistics import evaluation
from cxrnoise.statistics.evaluation import Predicted

CLASSES = ["bird", "cat", "dog"]


def example(n=200, seed=0, images_per_patient=1):
    rng = np.random.default_rng(seed)
    label = np.arange(n) % 4 == 0
    p = np.clip(rng.normal(0.35 + 0.3 * label, 0.2), 0, 1)
    patient = (np.arange(n) // images_per_patient).astype(str)
    return runs.exclusive(label, label, np.stack([1 - p, p], axis=1), patient=patient)


def of_three_classes(n=90, seed=0, missing=None):
    rng = np.random.default_rng(seed)
    label = np.arange(n) % 3
    label = np.where(label == missing, 0, label)
    softmax = rng.dirichlet(np.ones(3), n) + np.eye(3)[label] * 0.4
    softmax /= softmax.sum(axis=1, keepdims=True)
    return runs.exclusive(label, label, softmax, classes=CLASSES, label="animal")


def of_findings(n=120, seed=0):
    """Effusion is masked in every fifth image; nobody has a mass."""
    rng = np.random.default_rng(seed)
    label = np.stack([np.arange(n) % 3 == 0, np.zeros(n)], axis=1).astype(int)
    p = np.clip(rng.normal(0.35 + 0.3 * label, 0.2), 0, 1)
    given_label = label.copy()
    given_label[::5, 0] = UNKNOWN
    return runs.findings(label, given_label, p)


def predicted(label, probability):
    return Predicted(np.array(label), np.array(probability), np.arange(len(label)))


def values(table):
    return table.set_index("measure")["value"]


@given(st.integers(0, 50))
def test_auc_is_the_share_of_pairs_in_the_right_order(seed):
    rng = np.random.default_rng(seed)
    label = np.r_[0, 1, rng.integers(0, 2, 18)]
    probability = rng.integers(0, 6, 20) / 5
    one, other = probability[label == 1], probability[label == 0]
    pairs = (one[:, None] > other) + 0.5 * (one[:, None] == other)
    found = evaluation.auc(predicted(label, probability), np.ones(20))
    assert found == pytest.approx(pairs.mean())


@given(st.integers(0, 50))
def test_the_measures_are_those_of_scikit_learn_with_weights_and_ties(seed):
    rng = np.random.default_rng(seed)
    label = np.r_[0, 1, rng.integers(0, 2, 28)]
    probability, weight = rng.integers(0, 8, 30) / 7, rng.integers(0, 3, 30).astype(float)
    weight[:2] = 1
    theirs = {"auc": roc_auc_score, "average_precision": average_precision_score}
    for name, measure in (theirs | {"brier": brier_score_loss}).items():
        found = evaluation.MEASURES[name](predicted(label, probability), weight)
        assert found == pytest.approx(measure(label, probability, sample_weight=weight))


def test_shares_of_a_hand_computed_case():
    test = predicted([1, 1, 1, 0, 0, 0, 0], [0.9, 0.6, 0.2, 0.7, 0.4, 0.1, 0.3])
    measured = evaluation.binary(test, test, seed=0)
    assert measured["accuracy_0.5"].value == pytest.approx(5 / 7)
    assert measured["sensitivity_0.5"].value == pytest.approx(2 / 3)
    assert measured["specificity_0.5"].value == pytest.approx(3 / 4)
    assert measured["positive_predictive_value_0.5"].value == pytest.approx(2 / 3)
    assert measured["false_negative_0.5"].value == 1
    assert measured["images"].value == 7


def test_the_threshold_of_the_validation_split_separates_what_can_be_separated():
    assert evaluation.youden(predicted([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.9])) == 0.3


@pytest.mark.parametrize(
    ("label", "probability"), [([0, 0], [0.1, 0.2]), ([1, 1], [0.1, 0.2]), ([1, 0], [0.1, 0.9])]
)
def test_a_validation_split_that_separates_nothing_has_no_threshold(label, probability):
    test = predicted([0, 1, 0, 1], [0.1, 0.9, 0.2, 0.8])
    measured = evaluation.binary(test, predicted(label, probability), seed=0)
    assert measured["auc"].value == 1
    of_validation = [name for name in measured if name.endswith("_validation")]
    assert len(of_validation) == 9
    assert all(np.isnan(measured[name].value) for name in of_validation)


@pytest.mark.parametrize("label", [0, 1])
def test_test_images_of_one_label_end_and_leave_the_auc_empty(label, tmp_path):
    test = runs.exclusive([label] * 20, [label] * 20, np.full((20, 2), 0.5))
    table = evaluation.evaluate(test, None, seed=0).set_index("measure")
    assert np.isnan(table.loc["auc", ["value", "low", "high"]].astype(float)).all()
    assert table.loc["brier", "value"] == 0.25
    assert np.isnan(table.loc["threshold_validation", "value"])
    figure = curves.draw(test, table.reset_index(), "Emphysema")
    assert figure.axes[0].get_title() == "AUC does not exist"
    saving.save(figure, tmp_path / "figure.png", "{}")


def test_a_single_positive_patient_leaves_resamples_without_an_auc():
    p = np.linspace(0, 1, 20)
    test = predicted(np.arange(20) == 19, p)
    found = evaluation.binary(test, test, seed=0)["auc"]
    assert found[:3] == (1, 1, 1)


def test_no_test_image_with_a_label_leaves_every_measure_empty():
    test = runs.exclusive([UNKNOWN] * 3, [UNKNOWN] * 3, np.full((3, 2), 0.5))
    table = evaluation.evaluate(test, None, seed=0).set_index("measure")
    assert table.loc[["auc", "brier", "accuracy_0.5"], "value"].isna().all()
    assert table.loc["images", "value"] == 0


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
    one, two = (evaluation.evaluate(example(), example(), seed=3) for _ in range(2))
    assert one.equals(two)


def test_every_row_says_whose_it_is_of_how_many_images_and_how_its_interval_was_made():
    table = evaluation.evaluate(example(), example(), seed=0)
    assert list(table) == evaluation.COLUMNS
    assert set(table["label"]) == {"Emphysema"}
    how = table.set_index("measure")["how"]
    assert how["auc"] == "bootstrap of patients" and how["accuracy_0.5"] == "Wilson"
    assert (how == "").equals(table.set_index("measure")["low"].isna())


def test_each_finding_has_its_rows_without_masked_images():
    table = evaluation.evaluate(of_findings(), of_findings(seed=1), seed=0)
    effusion, mass = (values(table[table["label"] == name]) for name in ("Effusion", "Mass"))
    assert (effusion["images"], mass["images"]) == (96, 120)
    assert effusion["auc"] > 0.7
    assert np.isnan(mass["auc"]) and np.isnan(mass["threshold_validation"])
    assert mass["positive"] == 0
    known = of_findings().given[:, 0] != UNKNOWN
    expected = roc_auc_score(of_findings().given[known, 0], of_findings().probabilities[known, 0])
    assert effusion["auc"] == pytest.approx(expected)


def test_more_classes_are_measured_one_against_the_rest():
    run = of_three_classes()
    measured = values(evaluation.evaluate(run, None, seed=0))
    expected = roc_auc_score(run.given, run.probabilities, multi_class="ovr")
    assert measured["auc_macro"] == pytest.approx(expected)
    assert measured["accuracy"] == pytest.approx((run.predicted == run.given).mean())
    assert measured["images_cat"] == 30


def test_a_class_without_a_test_image_is_left_out_of_the_mean():
    run = of_three_classes(missing=2)
    measured = values(evaluation.evaluate(run, None, seed=0))
    assert np.isnan(measured["auc_dog"])
    assert measured["auc_macro"] == pytest.approx(measured[["auc_bird", "auc_cat"]].mean())


def test_the_figure_says_what_the_table_says():
    test = example()
    table = evaluation.evaluate(test, example(seed=1), seed=0)
    figure = curves.draw(test, table, "Emphysema, phantom")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0].startswith(f"AUC {values(table)['auc']:.3f} [")
    assert "200 test images" in figure.get_suptitle()


@pytest.mark.parametrize("make", [of_findings, of_three_classes])
def test_the_figure_of_several_names_each_of_them(make, tmp_path, caplog):
    test = make()
    figure = curves.draw(test, evaluation.evaluate(test, None, seed=0), "chests")
    with caplog.at_level(logging.WARNING):
        saving.save(figure, tmp_path / "figure.png", "{}")
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == test.classes
    assert caplog.text == ""
