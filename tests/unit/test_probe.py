"""The probe: out-of-fold predictions of linear classifiers, and of heads on resampled patients."""

import logging
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from cxrnoise.core import features as files
from cxrnoise.core import settings
from cxrnoise.core.errors import UserError
from cxrnoise.probe import classifier

OPTIONS = classifier.Options(dimensions=12, strengths=[0.01, 0.1], heads=3)
FOLDS = 4
NAMES = ["Edema", "Mass"]


@pytest.fixture(autouse=True)
def one_thread():
    """As in a job of the workflow; for arrays as small as these more threads are far slower."""
    with threadpool_limits(1):
        yield


class Cohort:
    """Features of 120 images of 60 patients; `classes` or two findings follow from them."""

    def __init__(self, classes=None, seed=0):
        draws = np.random.default_rng(seed)
        self.features = draws.normal(size=(120, 12)).astype(np.float32)
        self.patients = np.array([f"p{number // 2}" for number in range(120)])
        self.folds = np.arange(120) // 2 % FOLDS
        noisy = self.features + draws.normal(size=(120, 12)).astype(np.float32) / 4
        self.given = noisy[:, :classes].argmax(axis=1) if classes else (noisy[:, :2] > 0.3) * 1
        self.names = [f"class {number}" for number in range(classes)] if classes else NAMES

    def predict(self, options=OPTIONS, seed=0, rows=slice(None)):
        arrays = (self.features, self.given, self.patients, self.folds)
        return classifier.out_of_fold(*(array[rows] for array in arrays), self.names, options, seed)


@pytest.fixture(params=[None, 2, 3], ids=["findings", "two classes", "three classes"])
def cohort(request):
    return Cohort(request.param)


def test_images_are_predicted_in_the_layout_of_their_task(cohort):
    probabilities, heads = cohort.predict()
    assert probabilities.dtype == heads.dtype == np.float32
    assert probabilities.shape == (120, len(cohort.names))
    assert heads.shape == (3, 120, len(cohort.names))
    for found in (probabilities, *heads):
        assert ((found >= 0) & (found <= 1)).all()
        if cohort.given.ndim == 1:
            assert np.allclose(found.sum(axis=1), 1, atol=1e-6)


def test_labels_that_follow_from_the_features_are_found(cohort):
    probabilities, heads = cohort.predict()
    for number in range(len(cohort.names)):
        known = cohort.given == number if cohort.given.ndim == 1 else cohort.given[:, number]
        assert roc_auc_score(known, probabilities[:, number]) > 0.8
        assert roc_auc_score(known, heads.mean(axis=0)[:, number]) > 0.8


def test_no_label_of_a_fold_has_a_part_in_its_predictions(cohort):
    before, heads_before = cohort.predict()
    own = cohort.folds == 1
    cohort.given[own] = 0
    after, heads_after = cohort.predict()
    assert (after[own] == before[own]).all() and (heads_after[:, own] == heads_before[:, own]).all()
    assert (after[~own] != before[~own]).any()


def test_an_image_changes_no_prediction_of_another_in_its_fold(cohort):
    before, heads_before = cohort.predict()
    image = int(np.flatnonzero(cohort.folds == 1)[0])
    cohort.features[image] += 3
    after, heads_after = cohort.predict()
    others = (cohort.folds == 1) & (np.arange(120) != image)
    assert np.allclose(after[others], before[others], atol=1e-6)
    assert np.allclose(heads_after[:, others], heads_before[:, others], atol=1e-6)
    assert (after[image] != before[image]).any()


def test_the_same_seed_gives_the_same_and_another_other_heads(cohort):
    probabilities, heads = cohort.predict()
    again, same = cohort.predict()
    _, others = cohort.predict(seed=1)
    assert (again == probabilities).all() and (same == heads).all()
    assert (others != heads).any()


def test_the_order_of_the_images_changes_rounding_only(cohort):
    probabilities, heads = cohort.predict()
    order = np.random.default_rng(1).permutation(120)
    shuffled, shuffled_heads = cohort.predict(rows=order)
    assert np.allclose(shuffled, probabilities[order], atol=1e-3)
    assert np.allclose(shuffled_heads, heads[:, order], atol=1e-3)


def test_further_heads_leave_the_first_ones_alone(cohort):
    _, heads = cohort.predict()
    _, more = cohort.predict(replace(OPTIONS, heads=5))
    assert (more[:3] == heads).all()


def test_heads_differ_as_patients_are_drawn():
    _, heads = Cohort().predict(replace(OPTIONS, heads=20))
    assert 0.01 < heads.std(axis=0).mean() < 0.2


def test_a_head_takes_all_images_of_a_patient_or_none():
    drawn = classifier._resampled(np.array(["a", "b", "b", "c", "c", "c"]), 50, 0, 0)
    assert (drawn[:, 1] == drawn[:, 2]).all() and (drawn[:, 3] == drawn[:, 5]).all()
    assert (drawn[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert len(np.unique(drawn, axis=0)) > 5


def test_labels_that_are_not_known_take_no_part():
    cohort = Cohort()
    cohort.given[::3, 0] = -1
    known = np.arange(120) % 3 > 0
    probabilities, _ = cohort.predict()
    assert np.isfinite(probabilities).all()
    assert roc_auc_score(cohort.given[known, 0], probabilities[known, 0]) > 0.8
    cohort.given[::3, 0] = -1
    assert (cohort.predict()[0][:, 1] == Cohort().predict()[0][:, 1]).all()


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (1, 1), (-1, 0.5)])
def test_a_finding_with_one_class_has_its_prevalence(value, expected, caplog):
    cohort = Cohort()
    cohort.given[:, 1] = value
    with caplog.at_level(logging.INFO):
        probabilities, heads = cohort.predict()
    assert (probabilities[:, 1] == expected).all() and (heads[:, :, 1] == expected).all()
    assert "Mass, fold 3: one class only in the other folds" in caplog.text


def test_a_single_positive_patient_is_no_reason_to_stop():
    cohort = Cohort()
    cohort.given[:, 1] = 0
    cohort.given[:2, 1] = 1
    probabilities, heads = cohort.predict()
    assert np.isfinite(probabilities).all() and np.isfinite(heads).all()
    assert (probabilities[cohort.folds == cohort.folds[0], 1] == 0).all()


def test_strong_regularisation_gives_the_prevalence():
    cohort = Cohort(2)
    probabilities, _ = cohort.predict(replace(OPTIONS, strengths=[1e-9]))
    for fold in range(FOLDS):
        test = cohort.folds == fold
        assert np.allclose(probabilities[test, 1], cohort.given[~test].mean(), atol=1e-3)


def test_the_strength_is_chosen_where_labels_are_left_out(caplog):
    cohort = Cohort()
    cohort.given = np.random.default_rng(5).integers(0, 2, cohort.given.shape)  # nothing to learn
    with caplog.at_level(logging.INFO):
        cohort.predict(replace(OPTIONS, strengths=[1e-6, 1e3]))
    assert caplog.text.count("strength 1e-06") == 2 * FOLDS


def test_reduced_features_keep_distances_of_standardised_ones():
    features = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    reduced = classifier.reduced(features, 128, 0)
    assert reduced.dtype == np.float32 and reduced.shape == (50, 6)
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    distances = [np.linalg.norm(values[:, None] - values, axis=2) for values in (standard, reduced)]
    assert np.allclose(*distances, atol=1e-4)
    assert classifier.reduced(features, 3, 0).shape == (50, 3)


def test_a_channel_that_is_always_zero_is_no_reason_to_stop():
    cohort = Cohort()
    cohort.features[:, 5] = 0
    assert np.isfinite(cohort.predict()[0]).all()


@pytest.fixture
def feature_files(tmp_path):
    """Two files of features, in which image i has the features (i, i)."""
    for number, images in enumerate((["0.png", "2.png"], ["1.png", "ü3.png"])):
        values = [[float(image.removeprefix("ü")[0])] * 2 for image in images]
        features = np.array(values, np.float32)
        files.write_features(tmp_path / f"00{number}.h5", features, images, "{}")
    return [tmp_path / "000.h5", tmp_path / "001.h5"]


def test_features_come_in_the_order_of_the_images(feature_files):
    found = files.read_features(feature_files, ["ü3.png", "0.png", "1.png"])
    assert found.dtype == np.float32
    assert found.tolist() == [[3, 3], [0, 0], [1, 1]]


def test_an_image_without_features_is_named(feature_files):
    with pytest.raises(UserError, match="no features of 1 images, the first being 7.png"):
        files.read_features(feature_files, ["0.png", "7.png"])


def test_a_file_that_holds_no_features_is_named(feature_files):
    feature_files[1].write_text("nothing")
    with pytest.raises(UserError, match="001.h5 is not a file of features"):
        files.read_features(feature_files, ["0.png"])


def test_a_network_that_is_no_task_of_orientation_is_refused():
    with pytest.raises(UserError, match=r"probe.network is situs, .* \(there is none\)"):
        settings.validate({"probe": {"network": "situs"}})
    tasks = {"upright": {"kind": "orientation"}}
    with pytest.raises(UserError, match=r"probe.network is situs, .* \(upright\)"):
        settings.validate({"probe": {"network": "situs"}, "tasks": tasks})
    settings.validate({"probe": {"network": "upright"}, "tasks": tasks})
