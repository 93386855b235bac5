"""The scores beside the paper's, against values worked out by hand and against a plain search."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

import runs
from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.scores import information, neighbours, tables
from cxrnoise.scores.registry import SCORES

DOCS = Path(__file__).parents[2] / "docs"


def test_the_documentation_lists_every_score_with_what_it_needs():
    text = "".join(path.read_text("utf-8") for path in DOCS.glob("detection*.md"))
    row = r"^\| `(\w+)` \| ?([^|]*?) ?\|(?: [^|]+ \|){3}$"  # name, needs, from, to, function of
    rows = dict(re.findall(row, text, re.MULTILINE))
    for name in SCORES:
        needs = ["cleanlab"] if name.startswith("cleanlab_") else SCORES[name].NEEDS
        assert rows[name].replace("`", "") == ", ".join(needs)


def three_classes(**parts):
    """Two images of the same prediction: the label is the most probable class, and the second."""
    run = runs.exclusive([0, 0], [0, 1], [[0.5, 0.375, 0.125]] * 2, classes="abc")
    return replace(run, **{part: np.float32(values) for part, values in parts.items()})


def test_the_product_is_confidence_times_what_uncertainty_leaves():
    samples = np.array([[[0.75, 0.25, 0], [1, 0, 0]], [[0.25, 0.75, 0], [0, 1, 0]]])
    found = SCORES["product"].score(three_classes(samples=samples))
    confidence = 0.5 - 1 / 3
    np.testing.assert_allclose(found, [-confidence * (1 / 4 - 1 / 16), 0], atol=1e-7)


def test_the_margin_is_the_distance_to_the_most_probable_other_label():
    found = SCORES["margin"].score(three_classes())
    np.testing.assert_allclose(found, [(1 + 0.375 - 0.5) / 2, (1 + 0.5 - 0.375) / 2])


def test_the_entropy_is_weighted_by_the_confidence():
    entropy = -(0.5 * np.log(0.5) + 0.375 * np.log(0.375) + 0.125 * np.log(0.125)) / np.log(3)
    ratio = entropy / np.array([0.5, 0.375])
    found = SCORES["entropy"].score(three_classes())
    np.testing.assert_allclose(found, 1 - np.log(1 + ratio) / ratio)


def test_the_entropy_of_a_certain_prediction_is_no_division_by_zero():
    found = SCORES["entropy"].score(runs.exclusive([0, 0], [0, 1], [[1, 0], [1, 0]]))
    assert found[0] == pytest.approx(0) and found[1] > 0.9


def test_a_guess_has_an_entropy_of_one_and_certainty_none():
    np.testing.assert_allclose(information.entropy(np.eye(3), True), 0)
    np.testing.assert_allclose(information.entropy(np.full((1, 3), 1 / 3), True), 1)
    np.testing.assert_allclose(information.entropy(np.array([[0.5, 1]]), False), [[1, 0]])


def test_mutual_information_is_what_the_samples_do_not_share():
    contradict = np.array([[[1, 0], [0.5, 0.5]], [[0, 1], [0.5, 0.5]]])
    np.testing.assert_allclose(information.mutual_information(contradict, True), [1, 0])
    alone = runs.exclusive([0, 0], [1, 1], [[0.9, 0.1]] * 2, contradict)
    found = SCORES["mutual_information"].score(alone)  # the mean says 0, the label 1
    np.testing.assert_allclose(found, [0, 1])


def test_means_are_those_of_the_given_label():
    stack = [[[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]], [[0, 0.75, 0.25], [0, 0.75, 0.25]]]
    for name, part in [
        ("mc_mean", "samples"),
        ("members_mean", "members"),
        ("augmented", "augmented"),
    ]:
        found = SCORES[name].score(three_classes(**{part: stack}))
        np.testing.assert_allclose(found, [0.75, 0.5])


def test_members_vote_against_a_label():
    members = [[[0.6, 0.4, 0]] * 2, [[0.2, 0.7, 0.1]] * 2, [[0, 0.4, 0.6]] * 2]
    found = SCORES["members_disagreement"].score(three_classes(members=members))
    np.testing.assert_allclose(found, [2 / 3, 2 / 3])


def test_dropout_is_the_uncertainty_of_its_own_samples():
    samples = np.float32([[[0.75, 0.25, 0]] * 2, [[0.25, 0.75, 0]] * 2])
    by_dropout = SCORES["dropout"].score(three_classes(dropout=samples))
    by_batches = SCORES["uncertainty"].score(three_classes(samples=samples))
    assert by_dropout.tolist() == by_batches.tolist() == [-3 / 16, 3 / 16]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("training_margin", [-2.5, np.nan, 1]),
        ("training_probability", [0.1, np.nan, 0.8]),
        ("forgetting", [0.2, np.nan, 0.5]),
    ],
)
def test_a_label_that_was_not_trained_on_has_no_value_and_no_group(name, expected):
    run = runs.exclusive([0, 0, 0], [0, 0, 1], [[0.9, 0.1]] * 3)
    dynamics = pd.DataFrame(
        {
            "margin": [2.5, np.nan, -1],
            "probability": [0.9, np.nan, 0.2],
            "forgotten": [1, np.nan, 3],
            "epochs": [5, np.nan, 6],
        }
    )
    table = tables.scored(replace(run, dynamics=dynamics), name)
    np.testing.assert_allclose(table["value"], expected)
    assert table["group"].tolist() == ["low", "", "moderate"]
    following = tables.scored(
        replace(run, dynamics=dynamics),
        name,
        "val-quantiles",
        validation=replace(run, dynamics=dynamics),
    )
    assert following["group"].tolist() == ["low", "", "high"]


def plainly(run, count=25):
    """Return the disagreement with the nearest images by looking at each image in turn."""
    given = run.given.reshape(len(run.images), -1)
    found = np.full(given.shape, np.nan)
    distance = cdist(run.features, run.features, "cosine")
    for image, label in np.argwhere(given != UNKNOWN):
        others = (run.patients != run.patients[image]) & (given[:, label] != UNKNOWN)
        nearest = np.flatnonzero(others)[np.argsort(distance[image, others])[:count]]
        if len(nearest):
            found[image, label] = np.mean(given[nearest, label] != given[image, label])
    return found.reshape(run.given.shape)


def with_features(run, random):
    return replace(run, features=random.normal(size=(len(run.images), 6)).astype("float32"))


@pytest.mark.parametrize("images", [2, 20, 30, 900])
def test_neighbours_are_the_nearest_images_of_other_patients(images, monkeypatch):
    monkeypatch.setattr(neighbours, "SIMILARITIES", images * 7)  # some images at a time
    random = np.random.default_rng(images)
    given = random.integers(-1, 3, images)
    patient = random.integers(0, images // 2, images).astype(str)
    run = runs.exclusive(given, given, np.eye(3)[given], classes="abc", patient=patient)
    run = with_features(run, random)
    np.testing.assert_allclose(neighbours.score(run), plainly(run))


def test_each_finding_has_the_neighbours_that_have_a_label_of_it():
    random = np.random.default_rng(0)
    given = random.integers(0, 2, (100, 4))
    given[:, :2][random.random(100) < 0.5] = UNKNOWN
    given[random.random(100) < 0.5, 3] = UNKNOWN
    run = runs.findings(given, given, given.clip(0), classes=list("abcd"))
    run = with_features(run, random)
    np.testing.assert_allclose(neighbours.score(run), plainly(run))


def test_an_image_without_other_patients_has_no_neighbours():
    run = runs.exclusive([0, 1], [0, 1], np.eye(2), patient="the only one")
    found = neighbours.score(replace(run, features=np.zeros((2, 3), "float32")))
    assert np.isnan(found).all()
