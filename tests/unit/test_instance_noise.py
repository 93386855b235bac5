"""Noise of the model `instance`: harder images are flipped more often."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrnoise.core import manifests, settings
from cxrnoise.core.errors import UserError
from cxrnoise.tasks.noise import flip, instance

LEVELS = (0, 1, 8, 16, 32)
FINDINGS = ("Edema", "Mass")


def images(n):
    return [f"{number:08d}_000.png" for number in range(n)]


def cohort(reported, labels=("situs",)):
    """Return the frame of a cohort; `reported` is (n,) or, with several labels, (n, K)."""
    reported = np.asarray(reported, np.int8)
    frame = pd.DataFrame({"image": np.repeat(images(len(reported)), len(labels))})
    return frame.assign(
        patient=frame["image"],
        split="test",
        label=np.tile(labels, len(reported)),
        mirrored=False,
        true_label=reported.ravel(),
        reported_label=reported.ravel(),
    )


@pytest.fixture(scope="module")
def probed(tmp_path_factory):
    """Write predictions of a probe: `probed(probabilities, names)` returns their file."""

    def write(probabilities, names=("unmirrored", "mirrored")):
        path = tmp_path_factory.mktemp("probe") / "predictions.parquet"
        table = pd.DataFrame(np.asarray(probabilities, np.float32), columns=list(names))
        table.insert(0, "image", images(len(table)))
        table.insert(1, "split", "test")
        manifests.write(table, path, "predictions", "{}", names)
        return str(path)

    return write


def options(file):
    return {"name": "situs", "probed": file}


@pytest.fixture(scope="module")
def situs(probed):
    """2,000 images, of which the probe is more or less sure: their cohort and its predictions."""
    draws = np.random.default_rng(0)
    reported = draws.integers(0, 2, 2000)
    right = draws.beta(4, 1, 2000)
    mirrored = np.where(reported == 1, right, 1 - right)
    return cohort(reported), probed(np.stack([1 - mirrored, mirrored], axis=1))


@pytest.fixture(scope="module")
def of_findings(probed):
    draws = np.random.default_rng(1)
    reported = (draws.random((1000, 2)) < 0.3).astype(int)
    reported[::10, 1] = -1
    return cohort(reported, FINDINGS), probed(draws.beta(1, 2, (1000, 2)), FINDINGS)


@pytest.fixture(params=["situs", "of_findings"])
def case(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("level", LEVELS)
def test_the_mean_probability_is_the_level(case, level):
    labels, file = case
    found = instance.probability(labels, level, options(file))
    known = labels["reported_label"] >= 0
    assert found[known].mean() == pytest.approx(level / 100, abs=1e-9)
    assert (found[~known] == 0).all()
    assert found.min() >= 0 and found.max() <= 0.5


@given(st.floats(0, 40), st.floats(0, 40))
def test_levels_are_nested(situs, one, other):
    labels, file = situs
    low, high = sorted((one, other))
    fewer, more = (instance.probability(labels, level, options(file)) for level in (low, high))
    assert (more >= fewer - 1e-12).all()


def test_the_probability_grows_in_proportion_to_the_difficulty_up_to_a_half(case):
    labels, file = case
    known = labels[labels["reported_label"] >= 0]
    difficulty = instance.difficulty(known, file)
    found = instance.probability(known, 16, options(file))
    free = found < 0.5
    factors = found[free] / difficulty[free]
    assert np.allclose(factors, factors[0])
    assert (found[~free] == 0.5).all() and (difficulty[~free] * factors[0] >= 0.5 - 1e-9).all()


def test_the_difficulty_of_two_classes_is_the_probability_of_the_wrong_one(probed):
    file = probed([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    assert instance.difficulty(cohort([0, 0, 1]), file) == pytest.approx([0.1, 0.8, 0.5])


def test_the_difficulty_of_a_class_is_by_the_largest_of_the_others(probed):
    file = probed([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]], ["bird", "cat", "dog"])
    labels = cohort([0, 1], ["animal"])
    assert instance.difficulty(labels, file) == pytest.approx([0.25, 0.55])


def test_the_difficulty_of_a_finding_is_that_of_the_reported_side(probed):
    file = probed([[0.9, 0.1], [0.9, 0.1]], FINDINGS)
    labels = cohort([[1, 1], [0, 0]], FINDINGS)
    assert instance.difficulty(labels, file) == pytest.approx([0.1, 0.9, 0.9, 0.1])


def test_labels_are_flipped_where_the_probe_doubts_them(situs):
    labels, file = situs
    noise = {"noisy_splits": ["test"], "seed": 0}
    made = flip.labels(labels, ["unmirrored", "mirrored"], "instance", 16, options(file), **noise)
    difficulty = instance.difficulty(labels, file)
    flipped = made["flipped"].to_numpy()
    assert abs(flipped.mean() - 0.16) < 0.03
    assert difficulty[flipped].mean() > 1.5 * difficulty[~flipped].mean()


def test_a_level_that_the_sure_labels_forbid_is_refused(probed):
    sure = probed([[1, 0]] * 9 + [[0.5, 0.5]])
    with pytest.raises(UserError, match=r"noise_levels has 8, but .* can flip only 5 % of these"):
        instance.probability(cohort([0] * 10), 8, options(sure))
    assert instance.probability(cohort([0] * 10), 5, options(sure)).tolist() == [0] * 9 + [0.5]


def test_a_probe_that_is_sure_of_all_labels_allows_no_noise(probed):
    sure = probed([[1, 0]] * 3)
    assert instance.probability(cohort([0] * 3), 0, options(sure)).tolist() == [0] * 3
    with pytest.raises(UserError, match="can flip only 0 %"):
        instance.probability(cohort([0] * 3), 1, options(sure))


def test_predictions_of_other_images_are_refused(probed):
    file = probed([[0.5, 0.5]] * 2)
    with pytest.raises(UserError, match="has no prediction of the image 00000002_000.png"):
        instance.probability(cohort([0] * 3), 8, options(file))


def test_labels_that_are_all_alike_cannot_be_harder():
    task = {"kind": "orientation", "noise_models": ["instance"]}
    with pytest.raises(UserError, match=r"tasks.upright.noise_models has instance"):
        settings.validate({"tasks": {"upright": task}})
