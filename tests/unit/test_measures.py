import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrnoise.core import manifests
from cxrnoise.core.errors import UserError
from cxrnoise.scores import measures

values_with_ties = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5]), min_size=1, max_size=60)


def names(n):
    return np.array([f"{number:08d}_000.png" for number in range(n)])


def make_run(true, given_label, softmax, samples):
    true, given_label = np.array(true, "int8"), np.array(given_label, "int8")
    labels = pd.DataFrame(
        {
            "image": names(len(true)),
            "true_label": true,
            "reported_label": true,
            "given_label": given_label,
            "flipped": true != given_label,
        }
    )
    return measures.Run(labels, np.array(softmax, "float32"), np.array(samples, "float32"))


def test_confidence_is_the_distance_of_the_winning_class_from_chance():
    assert measures.confidence([[0.5, 0.5], [0.9, 0.1], [0, 1]]) == pytest.approx([0, 0.4, 0.5])
    assert measures.confidence([[0.2, 0.7, 0.1]]) == pytest.approx([0.7 - 1 / 3])


def test_uncertainty_is_the_population_variance_of_the_predicted_class():
    samples = np.array([[[0.9, 0.1, 0.0]], [[0.5, 0.1, 0.4]]])
    assert measures.uncertainty(samples, np.array([0])) == pytest.approx([0.2**2])
    assert measures.uncertainty(samples, np.array([1])) == pytest.approx([0])
    assert measures.uncertainty(samples, np.array([2])) == pytest.approx([0.2**2])


def test_uncertainty_of_nearly_certain_images_is_not_lost_in_single_precision():
    samples = np.array([[[1, 1e-6]], [[1, 3e-6]]], dtype="float32")
    assert measures.uncertainty(samples, np.array([1])) == pytest.approx([1e-12], rel=1e-4)


@given(values_with_ties)
def test_thirds_differ_by_one_image_at_most_and_rise_with_the_value(values):
    values = np.array(values)
    labelled = measures.groups(values, names(len(values)))
    sizes = [(labelled == group).sum() for group in measures.GROUPS]
    assert max(sizes) - min(sizes) <= 1
    ranges = [values[labelled == group] for group in measures.GROUPS]
    for lower, higher in [(0, 1), (1, 2), (0, 2)]:
        if len(ranges[lower]) and len(ranges[higher]):
            assert ranges[lower].max() <= ranges[higher].min()


@given(values_with_ties, st.randoms())
def test_the_order_of_the_rows_does_not_change_the_group_of_an_image(values, random):
    values, images = np.array(values), names(len(values))
    order = np.array(random.sample(range(len(values)), len(values)))
    for rule in ("test-quantiles", "mean-sd"):
        shuffled = measures.groups(values[order], images[order], rule)
        assert (shuffled == measures.groups(values, images, rule)[order]).all()


def test_validation_terciles_bound_the_groups():
    values = np.array([0.05, 0.2, 0.3, 0.31])
    labelled = measures.groups(
        values, names(4), "val-quantiles", reference=np.array([0.0, 0.1, 0.3, 0.4])
    )
    assert labelled.tolist() == ["low", "moderate", "moderate", "high"]


def test_mean_and_standard_deviation_bound_the_groups():
    values = np.array([0.0, 0.5, 0.5, 0.5, 0.5, 1.0])
    near, far = (
        measures.groups(values, names(6), "mean-sd", sd_factor=factor) for factor in (1, 2)
    )
    assert near.tolist() == ["low", *["moderate"] * 4, "high"]
    assert far.tolist() == ["moderate"] * 6


def test_an_unknown_rule_is_named():
    with pytest.raises(UserError, match="'halves'"):
        measures.groups(np.zeros(3), names(3), "halves")


def test_a_disagreement_is_a_label_error_where_the_given_label_is_wrong():
    predicted, given_label, true = np.array([[0, 0, 1, 0], [0, 1, 0, 1], [0, 0, 0, 1]])
    assert measures.verdict(predicted, given_label, true).tolist() == ["", "A", "B", "B"]


def test_the_wilson_interval_agrees_with_a_published_one():
    # Newcombe, Statistics in Medicine 1998, table I: 81 of 263, 0 of 20
    assert measures.wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert measures.wilson(0, 20) == pytest.approx((0, 0.1611), abs=1e-4)


def hand_made_run():
    softmax = [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]
    samples = [[[0.8, 0.2], [0.1, 0.9], [0.7, 0.3]], [[1.0, 0.0], [0.3, 0.7], [0.5, 0.5]]]
    return make_run([0, 0, 1], [1, 0, 1], softmax, samples)


def test_scores_of_a_hand_computed_run():
    scores = measures.score(hand_made_run())
    assert list(scores) == manifests.SCHEMAS["scores"].names
    assert scores["predicted"].tolist() == [0, 1, 1]
    assert scores["mc_predicted"].tolist() == [0, 1, 0]
    assert scores["confidence"].to_numpy() == pytest.approx([0.4, 0.3, 0.1])
    assert scores["uncertainty"].to_numpy() == pytest.approx([0.01, 0.01, 0.01])
    assert scores["confidence_group"].tolist() == ["high", "moderate", "low"]
    assert scores["verdict"].tolist() == ["A", "B", ""]


def test_confidence_may_come_from_the_monte_carlo_mean():
    scores = measures.score(hand_made_run(), confidence_from="mc-mean")
    assert scores["confidence"].to_numpy() == pytest.approx([0.4, 0.3, 0.1])
    assert scores["predicted"].tolist() == [0, 1, 1]


def test_scores_are_grouped_by_the_validation_set_where_asked():
    certain = make_run([0], [0], [[1, 0]], [[[1, 0]], [[1, 0]]])
    scores = measures.score(hand_made_run(), rule="val-quantiles", validation=certain)
    assert set(scores["confidence_group"]) == {"low"}
    assert set(scores["uncertainty_group"]) == {"high"}


@pytest.fixture
def files(tmp_path):
    """The three files of a run of four test images and two validation images."""
    n, images = 6, names(6)
    splits = np.array(["test"] * 4 + ["val"] * 2)
    labels = pd.DataFrame(
        {
            "image": images,
            "patient": images,
            "split": splits,
            "shard": 0,
            "row": range(n),
            "mirrored": [False, True] * 3,
            "true_label": [0, 1] * 3,
            "reported_label": [0, 1] * 3,
            "given_label": [0, 1] * 3,
            "flipped": False,
        }
    )
    p1 = np.linspace(0.1, 0.6, n).astype("float32")
    predictions = pd.DataFrame({"image": images, "split": splits, "p0": 1 - p1, "p1": p1})
    paths = [tmp_path / name for name in ("labels.parquet", "predictions.parquet", "mcbn.h5")]
    manifests.write(labels, paths[0], "labels", "{}")
    manifests.write(predictions[::-1], paths[1], "predictions", "{}")
    samples = np.stack([[1 - p1, p1], [1 - p1, p1]]).transpose(0, 2, 1)
    with h5py.File(paths[2], "w") as file:
        order = [3, 0, 5, 1, 2, 4]
        file["probabilities"] = samples[:, order]
        file["image"] = images[order].astype("S")
        file["split"] = splits[order].astype("S")
    return paths


def test_a_run_is_matched_by_image_name(files):
    for split, expected in (("test", [0.1, 0.2, 0.3, 0.4]), ("val", [0.5, 0.6])):
        run = measures.read_run(*files, split=split)
        assert run.softmax[:, 1] == pytest.approx(expected)
        assert run.samples[1, :, 1] == pytest.approx(expected)


def test_predictions_of_other_images_are_reported(files):
    predictions = manifests.read(files[1], "predictions")
    manifests.write(predictions.replace(names(6)[2], "stranger.png"), files[1], "predictions", "")
    with pytest.raises(UserError, match=r"predictions\.parquet does not hold the test images"):
        measures.read_run(*files, split="test")


def test_samples_that_miss_an_image_are_reported(files):
    with h5py.File(files[2], "a") as file:
        file["split"][0] = b"val"
    with pytest.raises(UserError, match=r"mcbn\.h5 .* 1 images differ.*00000003_000\.png"):
        measures.read_run(*files, split="test")


def test_samples_that_hold_an_image_twice_are_reported(files):
    with h5py.File(files[2], "a") as file:
        file["image"][4] = file["image"][0]
        for name in ("image", "split"):
            held = file[name][:]
            del file[name]
            file[name] = np.append(held, held[:1])
    with pytest.raises(UserError, match=r"mcbn\.h5 does not hold the test images"):
        measures.read_run(*files, split="test")


def test_a_damaged_file_of_samples_is_reported(files):
    files[2].write_bytes(b"not HDF5")
    with pytest.raises(UserError, match=r"mcbn\.h5 is not a file of Monte Carlo samples"):
        measures.read_run(*files, split="test")


def test_probabilities_that_are_not_numbers_are_reported(files):
    with h5py.File(files[2], "a") as file:
        file["probabilities"][0, 0] = np.nan
    with pytest.raises(UserError, match=r"mcbn\.h5 has probabilities that do not sum to one"):
        measures.read_run(*files, split="test")
