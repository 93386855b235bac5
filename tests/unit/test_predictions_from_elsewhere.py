"""Files of probabilities that another program made."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxrnoise.core.errors import UserError
from cxrnoise.tasks.kinds import predictions

CIFAR10N = Path(__file__).parents[3] / "shared" / "cifar10n" / "agg_resnet18.parquet"


def animals():
    return pd.DataFrame(
        {
            "image": ["3", "1", "2", "4"],
            "given_label": ["cat", "dog", "dog", "cat"],
            "cat": [0.7, 0.2, 0.55, 0.9],
            "dog": [0.3, 0.8, 0.45, 0.1],
        }
    )


@pytest.fixture
def read(tmp_path):
    """Write a table as a CSV file, or as Parquet, and read it as predictions."""

    def written(table, suffix=".csv", **options):
        path = tmp_path / f"predictions{suffix}"
        if suffix == ".csv":
            table.to_csv(path, index=False, **options)
        else:
            table.to_parquet(path)
        return predictions.read(path, {})

    return written


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_file_becomes_labels_and_probabilities_in_one_order(read, suffix):
    labels, probabilities, classes, exclusive = read(animals(), suffix)
    assert classes == ["cat", "dog"]
    assert exclusive
    assert labels["image"].tolist() == probabilities["image"].tolist() == ["1", "2", "3", "4"]
    assert labels["reported_label"].tolist() == [1, 1, 0, 0]
    assert (labels["true_label"] == -1).all()
    assert (labels["split"] == "test").all()
    assert labels["patient"].tolist() == labels["image"].tolist()
    assert list(probabilities) == ["image", "split", "cat", "dog"]
    assert probabilities["cat"].dtype == np.float32
    np.testing.assert_allclose(probabilities["cat"], [0.2, 0.55, 0.7, 0.9], rtol=1e-6)


@pytest.mark.parametrize(
    "names",
    [
        {"image": "Image Index", "given_label": "label", "cat": "p_cat", "dog": "p_dog"},
        {"image": "filename", "given_label": "Given Label", "cat": "prob_cat", "dog": "prob_dog"},
        {"image": "Path", "given_label": "noisy_label", "cat": "P cat", "dog": "P dog"},
    ],
)
def test_columns_have_names_as_people_write_them(read, names):
    labels, _, classes, _ = read(animals().rename(columns=names).assign(fold=[0, 1, 2, 3]))
    assert classes == ["cat", "dog"]
    assert labels["reported_label"].tolist() == [1, 1, 0, 0]


def test_numbered_classes_patients_and_the_truth_are_read(read):
    table = animals().rename(columns={"cat": "p0", "dog": "p1"})
    table["given_label"] = [0, 1, 1, 0]
    table["true label"] = [0, 1, 0, None]  # which makes floats of the numbers
    table["Patient ID"] = [7, 8, 8, 7]
    for suffix in (".csv", ".parquet"):
        labels, _, classes, _ = read(table, suffix)
        assert classes == ["0", "1"]
        assert labels["true_label"].tolist() == [1, 0, 0, -1]
        assert labels["patient"].tolist() == ["8", "8", "7", "7"]


def test_names_with_leading_zeros_stay(read):
    labels, *_ = read(animals().assign(image=["00000", "00001", "00002", "00003"]))
    assert labels["image"].tolist() == ["00000", "00001", "00002", "00003"]


def test_a_class_may_be_called_none(read):
    table = animals().replace("cat", "None").rename(columns={"cat": "None"})
    assert read(table)[2] == ["None", "dog"]


def test_rounded_probabilities_are_made_to_sum_to_one(read):
    _, probabilities, *_ = read(animals().assign(dog=[0.3, 0.8, 0.455, 0.1]))
    np.testing.assert_allclose(probabilities[["cat", "dog"]].sum(axis=1), 1, atol=1e-6)


def test_other_separators_are_read(read):
    assert len(read(animals(), sep=";")[0]) == 4
    assert len(read(animals(), sep="\t", encoding="utf-8-sig")[0]) == 4


def test_columns_that_are_not_used_are_named_in_the_log(read, caplog):
    caplog.set_level(logging.INFO)
    read(animals().assign(fold=[0, 1, 2, 3]))
    assert "are not used: fold" in caplog.text


def test_images_without_a_given_label_are_left_out_and_counted(read, caplog):
    caplog.set_level(logging.INFO)
    labels, probabilities, *_ = read(animals().assign(given_label=["cat", None, "dog", "cat"]))
    assert labels["image"].tolist() == probabilities["image"].tolist() == ["2", "3", "4"]
    assert "left out, without a given label: 1 images" in caplog.text


def test_several_findings_have_a_given_label_and_a_probability_each(read):
    table = pd.DataFrame(
        {
            "image": ["b", "a"],
            "given_Edema": ["1", "0"],
            "p_Edema": [0.9, 0.3],
            "true_Edema": ["0", ""],
            "Given Mass": ["yes", "-1"],
            "p_mass": [0.8, 0.6],
        }
    )
    labels, probabilities, classes, exclusive = read(table)
    assert classes == ["Edema", "Mass"]
    assert not exclusive
    assert labels["image"].tolist() == ["a", "a", "b", "b"]
    assert labels["label"].tolist() == ["Edema", "Mass"] * 2
    assert labels["reported_label"].tolist() == [0, -1, 1, 1]
    assert labels["true_label"].tolist() == [-1, -1, 0, -1]
    np.testing.assert_allclose(probabilities[["Edema", "Mass"]], [[0.3, 0.6], [0.9, 0.8]])


def changed(**columns):
    return animals().assign(**columns)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (changed(dog=[0.3, 0.8, 0.9, 0.1]), "probabilities of the image 2 that sum to 1.450"),
        (changed(dog=[0.3, 1.8, 0.4, 0.1], cat=0.2), "have no column p_ and the name"),
        (changed(image=["3", "1", "3", "4"]), "have the image 3 twice"),
        (changed(image=["3", "1", None, "4"]), "have a row without an image"),
        (changed(given_label=["cat", "dog", "horse", "cat"]), "given_label horse for the image 2"),
        (changed(true_label="cow"), "true_label cow for the image 1.*the classes are cat, dog"),
        (animals().drop(columns="image"), "have no column image: the columns are given_label, cat"),
        (animals().drop(columns="given_label"), "have no column given_label: the columns are im"),
        (animals().drop(columns="dog"), "have no column p_ and the name of the class"),
        (
            animals().rename(columns={"cat": "p_cat", "dog": "p_dog"}).assign(p_dog=[3, 1, -2, 1]),
            "have -2 in the column p_dog for the image 2: a probability is",
        ),
        (
            pd.DataFrame({"image": ["a"], "given_Edema": ["1"], "p_Mass": ["0.5"]}),
            "have no column p_Edema",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(read, table, sentence):
    with pytest.raises(UserError, match=sentence):
        read(table)


@pytest.mark.parametrize("name", ["none.csv", "none.parquet", "odd.csv", "odd.parquet"])
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path, name):
    (tmp_path / "odd.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "odd.parquet").write_bytes(b"image,given_label")
    with pytest.raises(UserError, match=f"{name} cannot be read .*: give a CSV file, or a Parquet"):
        predictions.read(tmp_path / name, {})


def test_the_file_is_the_cohort(tmp_path):
    animals().to_csv(tmp_path / "mine.csv", index=False)
    made = predictions.cohort(None, {"name": "mine", "file": str(tmp_path / "mine.csv")}, 0)
    assert made.classes == ["cat", "dog"]
    assert len(made.frame) == 4


def test_cifar10n_is_read():
    if not CIFAR10N.is_file():
        pytest.skip(f"needs {CIFAR10N}")
    labels, probabilities, classes, exclusive = predictions.read(CIFAR10N, {})
    assert classes == [str(number) for number in range(10)]
    assert exclusive
    assert len(labels) == len(probabilities) == 50_000
    assert (labels["reported_label"] != labels["true_label"]).sum() == 4505
