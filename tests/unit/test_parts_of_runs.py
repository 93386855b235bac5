"""The parts that a run may lack, read from their files, and what a user is told about them."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest

import runs
from cxrnoise.core import manifests
from cxrnoise.core.errors import UserError
from cxrnoise.scores import run, tables
from cxrnoise.scores.registry import SCORES
from cxrnoise.scores.run import PARTS

CLASSES = ["unmirrored", "mirrored"]
IMAGES = runs.names(3)
SAMPLES = ("samples", "augmented", "dropout")


def write_samples(path, p, images=IMAGES, classes=CLASSES):
    """Write p of the second class, (T, n), in the layout of `mcbn.h5`."""
    with h5py.File(path, "w") as file:
        file["probabilities"] = np.stack([1 - np.array(p), p], axis=-1).astype("float32")
        file["image"] = np.array(images, "S")
        file["split"] = np.array(["test"] * len(images), "S")
        file.attrs["classes"] = json.dumps(classes)
    return path


def write_predictions(path, p, images=IMAGES, classes=CLASSES):
    table = pd.DataFrame(np.stack([1 - np.array(p), p], axis=1), columns=classes)
    table.insert(0, "image", images)
    table.insert(1, "split", "test")
    manifests.write(table, path, "predictions", "{}")
    return path


def write_features(path, images, features):
    with h5py.File(path, "w") as file:
        file["image"], file["features"] = np.array(images, "S"), np.float32(features)
    return path


def write_dynamics(path, images, epochs=5):
    table = pd.DataFrame({"image": images, "label": "situs", "margin": 1.5, "probability": 0.8})
    manifests.write(table.assign(forgotten=1, epochs=epochs), path, "dynamics", "{}")
    return path


@pytest.fixture
def read(tmp_path):
    """Read a run of three images with further parts."""
    labels = runs.labels(IMAGES, "situs", [0, 1, 0], [0, 1, 0], patient=["a", "b", "a"])
    manifests.write(labels, tmp_path / "labels.parquet", "labels", "{}", CLASSES)
    predictions = write_predictions(tmp_path / "predictions.parquet", [0.1, 0.2, 0.3])

    def read(samples=None, **parts):
        return run.read(tmp_path / "labels.parquet", predictions, samples, ["test"], **parts)

    return read


def test_a_run_of_labels_and_predictions_has_no_further_part(read):
    assert {getattr(read(), part) for part in PARTS} == {None}
    assert read().patients.tolist() == ["a", "b", "a"]


@pytest.mark.parametrize("part", SAMPLES)
def test_every_file_of_samples_is_matched_by_image(read, tmp_path, part):
    path = write_samples(tmp_path / "some.h5", [[0.3, 0.2, 0.1], [0.6, 0.5, 0.4]], IMAGES[::-1])
    found = getattr(read(**{part: path}), part)
    np.testing.assert_allclose(found[..., 1], [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])


def test_the_members_begin_with_the_run_itself(read, tmp_path):
    path = write_predictions(tmp_path / "member.parquet", [0.9, 0.8, 0.7], IMAGES[::-1])
    found = read(members=[path])
    assert found.members.dtype == np.float32
    np.testing.assert_allclose(found.members[..., 1], [[0.1, 0.2, 0.3], [0.7, 0.8, 0.9]])


def test_features_may_be_of_further_images(read, tmp_path):
    path = write_features(tmp_path / "some.h5", [*IMAGES[::-1], "other.png"], np.eye(4))
    np.testing.assert_array_equal(read(features=path).features, np.eye(4)[[2, 1, 0]])


def test_labels_in_no_training_split_have_no_dynamics(read, tmp_path):
    path = write_dynamics(tmp_path / "some.parquet", [IMAGES[1], "training.png"])
    assert read(dynamics=path).dynamics["margin"].tolist() == pytest.approx(
        [np.nan, 1.5, np.nan], nan_ok=True
    )


@pytest.mark.parametrize("part", SAMPLES)
@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ({"images": [*IMAGES[:2], "stranger.png"]}, "does not hold the test images .* 2 images"),
        ({"images": [*IMAGES[:2], IMAGES[1]]}, r"holds image 00000001_000\.png twice"),
        ({"classes": CLASSES[::-1]}, "has the classes mirrored, unmirrored in place of unmirr"),
        ({"p": [[0.1, 0.2, np.nan]]}, "has probabilities that do not sum to one"),
        ({"p": [[0.1, 0.2, 1.5]]}, "has probabilities that are not between 0 and 1"),
    ],
)
def test_samples_that_do_not_fit_are_one_sentence(read, tmp_path, part, mistake, message):
    path = write_samples(tmp_path / "some.h5", **{"p": [[0.1, 0.2, 0.3]], **mistake})
    with pytest.raises(UserError, match=rf"some\.h5 {message}"):
        read(**{part: path})


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ({"images": [*IMAGES[:2], "stranger.png"]}, "does not hold the test images"),
        ({"images": [*IMAGES[:2], IMAGES[1]]}, r"holds image 00000001_000\.png twice"),
        ({"classes": ["left", "right"]}, "has the classes left, right in place of unmirrored"),
        ({"p": [0.1, 0.2, 1.5]}, "has probabilities that are not between 0 and 1"),
    ],
)
def test_members_that_do_not_fit_are_one_sentence(read, tmp_path, mistake, message):
    path = write_predictions(tmp_path / "member.parquet", **{"p": [0.1, 0.2, 0.3], **mistake})
    with pytest.raises(UserError, match=rf"member\.parquet {message}"):
        read(members=[path])


def test_predictions_of_other_findings_than_the_labels_are_one_sentence(tmp_path):
    judged = runs.findings([[0, 1]] * 3, [[0, 1]] * 3, [[0.1, 0.9]] * 3)
    manifests.write(judged.labels, tmp_path / "labels.parquet", "labels", "{}")
    path = write_predictions(tmp_path / "some.parquet", [0.1, 0.2, 0.3], classes=["Mass", "Nodule"])
    with pytest.raises(UserError, match="classes Mass, Nodule in place of Effusion, Mass: delete"):
        run.read(tmp_path / "labels.parquet", path, None, ["test"])


def test_features_that_do_not_fit_are_one_sentence(read, tmp_path):
    path = write_features(tmp_path / "some.h5", IMAGES[:2], np.eye(2))
    with pytest.raises(UserError, match=r"no features of 1 images, the first being 00000002_000"):
        read(features=path)
    write_features(path, [*IMAGES, IMAGES[0]], np.eye(4))
    with pytest.raises(UserError, match=r"some\.h5 holds image 00000000_000\.png twice"):
        read(features=path)


def test_files_that_are_no_hdf5_are_one_sentence(read, tmp_path):
    (tmp_path / "some.h5").write_bytes(b"not HDF5")
    with pytest.raises(UserError, match=r"some\.h5 is not a file of samples"):
        read(dropout=tmp_path / "some.h5")
    with pytest.raises(UserError, match=r"some\.h5 is not a file of features"):
        read(features=tmp_path / "some.h5")


def test_dynamics_need_five_epochs_and_labels_that_were_trained_on(read, tmp_path):
    path = write_dynamics(tmp_path / "some.parquet", IMAGES, epochs=4)
    with pytest.raises(UserError, match="4 epochs, .* need at least 5: raise training.epochs"):
        read(dynamics=path)
    write_dynamics(path, ["training.png"])
    with pytest.raises(UserError, match="no network was trained on them: only folded"):
        read(dynamics=path)


@pytest.mark.parametrize("name", SCORES)
def test_a_score_that_lacks_a_part_says_what_to_set(name):
    needs = SCORES[name].NEEDS
    assert set(needs) <= set(PARTS)
    if needs:
        with pytest.raises(UserError) as caught:
            tables.scored(runs.exclusive([0], [1], [[0.9, 0.1]]), name)
        assert str(caught.value) == (
            f"The score {name} needs {needs[0]}, which this run does not have: {PARTS[needs[0]]}."
        )
