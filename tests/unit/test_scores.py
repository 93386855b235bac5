"""Runs, scores, groups and verdicts, against values worked out by hand."""

from dataclasses import replace

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import runs
from cxrnoise.core import manifests
from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.scores import confidence, run, tables, uncertainty, verdict
from cxrnoise.scores.groups import GROUPS, groups
from cxrnoise.scores.registry import SCORES
from runs import names

values_with_ties = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5]), min_size=1, max_size=60)


def two_classes():
    softmax = [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]
    samples = [[[0.8, 0.2], [0.1, 0.9], [0.7, 0.3]], [[1.0, 0.0], [0.3, 0.7], [0.5, 0.5]]]
    return runs.exclusive([0, 0, 1], [1, 0, 1], softmax, samples)


def three_classes():
    """Right; given wrong, suggestion right; given and suggestion wrong; truth unknown; masked."""
    softmax = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6], [1, 0, 0]]
    return runs.exclusive(
        [0, 1, 2, UNKNOWN, UNKNOWN],
        [0, 0, 0, 0, UNKNOWN],
        softmax,
        np.stack([softmax, softmax]),
        classes=["bird", "cat", "dog"],
        label="animal",
    )


def two_findings():
    """Two images; nobody says whether the second one has a mass."""
    probabilities = [[0.9, 0.4], [0.2, 0.7]]
    samples = [[[0.8, 0.4], [0.1, 0.7]], [[1.0, 0.2], [0.3, 0.7]]]
    true, given_label = [[0, 0], [1, UNKNOWN]], [[1, 1], [1, UNKNOWN]]
    return runs.findings(true, given_label, probabilities, samples)


def test_confidence_is_the_distance_of_the_winning_class_from_chance():
    assert confidence.from_chance([[0.5, 0.5], [0.9, 0.1], [0, 1]]) == pytest.approx([0, 0.4, 0.5])
    assert confidence.from_chance([[0.2, 0.7, 0.1]]) == pytest.approx([0.7 - 1 / 3])


def test_the_confidence_of_findings_is_that_of_each_finding():
    found = confidence.paper(two_findings())
    assert found.tolist() == pytest.approx(np.array([[0.4, 0.1], [0.3, 0.2]]))


def test_uncertainty_is_the_population_variance_of_the_predicted_class():
    samples = [[[0.9, 0.1, 0.0]], [[0.5, 0.1, 0.4]]]
    for winner, expected in enumerate([0.2**2, 0, 0.2**2]):
        softmax = np.eye(3)[[winner]]
        judged = runs.exclusive([0], [0], softmax, samples, classes="abc")
        assert uncertainty.paper(judged) == pytest.approx([expected])


def test_the_uncertainty_of_findings_is_that_of_each_finding():
    found = uncertainty.paper(two_findings())
    assert found == pytest.approx(np.array([[0.01, 0.01], [0.01, 0]]))


def test_uncertainty_of_nearly_certain_images_is_not_lost_in_single_precision():
    samples = [[[1, 1e-6]], [[1, 3e-6]]]
    judged = runs.exclusive([1], [1], [[0, 1]], samples)
    assert uncertainty.paper(judged) == pytest.approx([1e-12], rel=1e-4)


@pytest.mark.parametrize("make", [two_classes, three_classes, two_findings])
def test_the_papers_suspicions_are_positive_exactly_where_the_model_disagrees(make):
    judged = make()
    for name in ("confidence", "uncertainty"):
        suspicion = SCORES[name].score(judged)
        known = judged.given != UNKNOWN
        disagrees = (judged.given != judged.predicted)[known]
        assert ((suspicion[known] > 0) == disagrees).all()


def test_suspicion_has_the_papers_size_and_the_sign_of_the_disagreement():
    assert confidence.score(two_classes()) == pytest.approx([0.4, 0.3, -0.1])
    assert uncertainty.score(two_classes()) == pytest.approx([0.24, 0.24, -0.24])


def test_with_two_classes_confidence_ranks_as_the_probability_of_the_given_label():
    random = np.random.default_rng(0)
    p = random.random(50)
    given_label = random.integers(0, 2, 50)
    judged = runs.exclusive(given_label, given_label, np.stack([1 - p, p], axis=1))
    of_given = np.where(given_label == 1, p, 1 - p)
    assert (np.argsort(confidence.score(judged)) == np.argsort(-of_given)).all()


@given(values_with_ties)
def test_thirds_differ_by_one_image_at_most_and_rise_with_the_value(values):
    values = np.array(values)
    labelled = groups(values, names(len(values)))
    sizes = [(labelled == group).sum() for group in GROUPS]
    assert max(sizes) - min(sizes) <= 1
    ranges = [values[labelled == group] for group in GROUPS]
    for lower, higher in [(0, 1), (1, 2), (0, 2)]:
        if len(ranges[lower]) and len(ranges[higher]):
            assert ranges[lower].max() <= ranges[higher].min()


@given(values_with_ties, st.randoms())
def test_the_order_of_the_rows_does_not_change_the_group_of_an_image(values, random):
    values, images = np.array(values), names(len(values))
    order = np.array(random.sample(range(len(values)), len(values)))
    for rule in ("test-quantiles", "mean-sd"):
        shuffled = groups(values[order], images[order], rule)
        assert (shuffled == groups(values, images, rule)[order]).all()


def test_validation_terciles_bound_the_groups():
    values = np.array([0.05, 0.2, 0.3, 0.31])
    labelled = groups(values, names(4), "val-quantiles", reference=np.array([0.0, 0.1, 0.3, 0.4]))
    assert labelled.tolist() == ["low", "moderate", "moderate", "high"]


def test_without_validation_images_their_terciles_are_refused():
    with pytest.raises(UserError, match="no validation image has the label"):
        groups(np.zeros(3), names(3), "val-quantiles", reference=np.zeros(0))


def test_mean_and_standard_deviation_bound_the_groups():
    values = np.array([0.0, 0.5, 0.5, 0.5, 0.5, 1.0])
    near, far = (groups(values, names(6), "mean-sd", sd_factor=factor) for factor in (1, 2))
    assert near.tolist() == ["low", *["moderate"] * 4, "high"]
    assert far.tolist() == ["moderate"] * 6


def test_an_unknown_rule_is_named():
    with pytest.raises(UserError, match="'halves'"):
        groups(np.zeros(3), names(3), "halves")


def test_a_disagreement_is_a_label_error_where_the_given_label_is_wrong():
    predicted, given_label, true = np.array([[0, 0, 1, 0], [0, 1, 0, 1], [0, 0, 0, 1]])
    assert verdict.verdict(predicted, given_label, true).tolist() == ["", "A", "B", "B"]


def test_with_several_classes_a_label_error_does_not_depend_on_the_suggestion():
    table = verdict.verdicts(three_classes())
    assert table["verdict"].tolist() == ["", "A", "A", "?"]
    assert table["suggestion_right"].tolist() == [True, True, False, pd.NA]
    assert table["predicted"].tolist() == [0, 1, 1, 2]


def test_masked_labels_of_findings_are_left_out():
    judged = two_findings()
    table = verdict.verdicts(judged)
    assert table[["image", "label"]].to_numpy().tolist() == [
        [names(2)[0], "Effusion"],
        [names(2)[0], "Mass"],
        [names(2)[1], "Effusion"],
    ]
    assert table["predicted"].tolist() == [1, 0, 0]
    assert table["mc_predicted"].tolist() == [1, 0, 0]
    assert table["verdict"].tolist() == ["", "A", "B"]
    assert judged.given.tolist() == [[1, 1], [1, UNKNOWN]]
    scores = tables.scored(judged, "confidence")
    assert scores[["image", "label"]].equals(table[["image", "label"]])
    assert scores["value"].tolist() == pytest.approx([-0.4, 0.1, 0.3])


def test_verdicts_of_a_hand_computed_run():
    table = verdict.verdicts(two_classes())
    assert ", ".join(table) == (
        "image, label, true_label, given_label, flipped, predicted, mc_predicted, "
        "suggestion_right, verdict"
    )
    assert table["predicted"].tolist() == [0, 1, 1]
    assert table["mc_predicted"].tolist() == [0, 1, 0]
    assert table["suggestion_right"].tolist() == [True, False, True]
    assert table["verdict"].tolist() == ["A", "B", ""]


def test_verdicts_need_no_samples():
    judged = runs.exclusive([0], [1], [[0.9, 0.1]])
    assert verdict.verdicts(judged)["mc_predicted"].tolist() == [UNKNOWN]


def test_scores_of_a_hand_computed_run():
    certain, unsure = (tables.scored(two_classes(), name) for name in ("confidence", "uncertainty"))
    assert list(certain) == ["image", "label", "score", "value", "paper_value", "group"]
    assert certain["value"].to_numpy() == pytest.approx([0.4, 0.3, -0.1])
    assert certain["paper_value"].to_numpy() == pytest.approx([0.4, 0.3, 0.1])
    assert certain["group"].tolist() == ["high", "moderate", "low"]
    assert unsure["paper_value"].to_numpy() == pytest.approx([0.01, 0.01, 0.01])


def test_the_wide_table_has_the_papers_values_and_groups():
    judged = two_classes()
    scores = {name: tables.scored(judged, name) for name in ("confidence", "uncertainty")}
    table = tables.wide(verdict.verdicts(judged), **scores)
    assert table["confidence"].to_numpy() == pytest.approx([0.4, 0.3, 0.1])
    assert table["uncertainty"].to_numpy() == pytest.approx([0.01, 0.01, 0.01])
    assert table["confidence_group"].tolist() == ["high", "moderate", "low"]


def test_each_finding_is_grouped_by_itself():
    random = np.random.default_rng(0)
    p = random.random((30, 2)) * [1, 0.2]
    judged = runs.findings(np.zeros((30, 2)), np.zeros((30, 2)), p)
    scores = tables.scored(judged, "confidence")
    assert set(scores.groupby(["label", "group"]).size()) == {10}


def test_confidence_may_come_from_the_monte_carlo_mean():
    judged = replace(two_classes(), confidence_from="mc-mean")
    scores = tables.scored(judged, "confidence")
    assert scores["paper_value"].to_numpy() == pytest.approx([0.4, 0.3, 0.1])
    assert verdict.verdicts(judged)["predicted"].tolist() == [0, 1, 1]
    assert confidence.paper(replace(judged, samples=judged.samples[:1])) == pytest.approx(
        [0.3, 0.4, 0.2]
    )


def test_groups_follow_the_validation_set_where_asked():
    certain = runs.exclusive([0], [0], [[1, 0]], [[[1, 0]], [[1, 0]]])
    for name, expected in (("confidence", "low"), ("uncertainty", "high")):
        scores = tables.scored(two_classes(), name, "val-quantiles", validation=certain)
        assert set(scores["group"]) == {expected}


def test_a_score_that_needs_samples_says_so_where_there_are_none():
    judged = runs.exclusive([0], [1], [[0.9, 0.1]])
    with pytest.raises(UserError, match="The score uncertainty needs samples"):
        tables.scored(judged, "uncertainty")
    with pytest.raises(UserError, match="no score 'luck': choose one of confidence, uncertainty"):
        tables.scored(judged, "luck")


@pytest.mark.parametrize("name", SCORES)
def test_every_score_says_what_it_is(name):
    score = SCORES[name]
    assert isinstance(score.NEEDS, tuple)
    said = " ".join(score.__doc__.split())
    assert all(words in said for words in ("ranges from", "higher means", "function of"))


@pytest.fixture
def files(tmp_path):
    """The three files of a run of four test images and two validation images."""
    n, images = 6, names(6)
    splits = np.array(["test"] * 4 + ["val"] * 2)
    labels = runs.labels(images, "situs", [0, 1] * 3, [0, 1] * 3, split=splits)
    p = np.linspace(0.1, 0.6, n).astype("float32")
    predictions = pd.DataFrame(
        {"image": images, "split": splits, "unmirrored": 1 - p, "mirrored": p}
    )
    paths = [tmp_path / name for name in ("labels.parquet", "predictions.parquet", "mcbn.h5")]
    manifests.write(labels, paths[0], "labels", "{}", ["unmirrored", "mirrored"])
    manifests.write(predictions[::-1], paths[1], "predictions", "{}", ["unmirrored", "mirrored"])
    samples = np.stack([[1 - p, p], [1 - p, p]]).transpose(0, 2, 1)
    with h5py.File(paths[2], "w") as file:
        order = [3, 0, 5, 1, 2, 4]
        file["probabilities"] = samples[:, order]
        file["image"] = images[order].astype("S")
        file["split"] = splits[order].astype("S")
        file.attrs["classes"] = '["unmirrored", "mirrored"]'
    return paths


def test_a_run_is_matched_by_image_name(files):
    for split, expected in (("test", [0.1, 0.2, 0.3, 0.4]), ("val", [0.5, 0.6])):
        found = run.read(*files, splits=[split])
        assert found.classes == ["unmirrored", "mirrored"] and found.exclusive
        assert found.probabilities[:, 1] == pytest.approx(expected)
        assert found.samples[1, :, 1] == pytest.approx(expected)


def test_a_mean_over_samples_that_were_not_drawn_is_refused(files):
    with pytest.raises(UserError, match="mc-mean, but this run has no Monte Carlo samples"):
        run.read(*files[:2], None, ["test"], confidence_from="mc-mean")


def test_a_run_of_findings_is_read_with_its_findings(tmp_path):
    judged = two_findings()
    probabilities = pd.DataFrame(judged.probabilities, columns=judged.classes)
    predictions = probabilities.assign(image=judged.images, split="test")
    predictions = predictions[["image", "split", *judged.classes]][::-1]
    manifests.write(judged.labels, tmp_path / "labels.parquet", "labels", "{}")
    manifests.write(predictions, tmp_path / "predictions.parquet", "predictions", "{}")
    paths = (tmp_path / "labels.parquet", tmp_path / "predictions.parquet")
    found = run.read(*paths, None, ["test"])
    assert found.classes == ["Effusion", "Mass"] and not found.exclusive
    assert found.probabilities.tolist() == judged.probabilities.tolist()
    assert found.given.tolist() == judged.given.tolist()


def test_predictions_of_other_images_are_reported(files):
    predictions = manifests.read(files[1], "predictions")
    manifests.write(predictions.replace(names(6)[2], "stranger.png"), files[1], "predictions", "")
    with pytest.raises(UserError, match=r"predictions\.parquet does not hold the test images"):
        run.read(*files, splits=["test"])


def test_samples_that_miss_an_image_are_reported(files):
    with h5py.File(files[2], "a") as file:
        file["split"][0] = b"val"
    with pytest.raises(UserError, match=r"mcbn\.h5 .* 1 images differ.*00000003_000\.png"):
        run.read(*files, splits=["test"])


def test_samples_that_hold_an_image_twice_are_reported(files):
    with h5py.File(files[2], "a") as file:
        file["image"][4] = file["image"][0]
        for name in ("image", "split"):
            held = file[name][:]
            del file[name]
            file[name] = np.append(held, held[:1])
    with pytest.raises(UserError, match=r"mcbn\.h5 holds image 00000003_000\.png twice"):
        run.read(*files, splits=["test"])


def test_a_damaged_file_of_samples_is_reported(files):
    files[2].write_bytes(b"not HDF5")
    with pytest.raises(UserError, match=r"mcbn\.h5 is not a file of samples"):
        run.read(*files, splits=["test"])


def test_probabilities_that_are_not_numbers_are_reported(files):
    with h5py.File(files[2], "a") as file:
        file["probabilities"][0, 0] = np.nan
    with pytest.raises(UserError, match=r"mcbn\.h5 has probabilities that do not sum to one"):
        run.read(*files, splits=["test"])


def test_probabilities_of_findings_lie_between_0_and_1(tmp_path):
    judged = two_findings()
    table = pd.DataFrame([[names(2)[0], "test", 1.5, 0.2], [names(2)[1], "test", 0.1, np.nan]])
    table.columns = ["image", "split", "Effusion", "Mass"]
    manifests.write(judged.labels, tmp_path / "labels.parquet", "labels", "{}")
    manifests.write(table, tmp_path / "predictions.parquet", "predictions", "{}")
    with pytest.raises(UserError, match="not between 0 and 1"):
        run.read(tmp_path / "labels.parquet", tmp_path / "predictions.parquet", None, ["test"])
