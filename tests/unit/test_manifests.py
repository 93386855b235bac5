import json
from contextlib import suppress

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrnoise.core import manifests
from cxrnoise.core.errors import UserError

LABELS = pd.DataFrame(
    {
        "image": ["a.png", "b.png"],
        "patient": ["1", "2"],
        "split": ["train", "test"],
        "label": ["situs", "situs"],
        "mirrored": [True, False],
        "true_label": [1, 0],
        "reported_label": [1, 0],
        "given_label": [1, 1],
        "flipped": [False, True],
    }
)


def written(tmp_path, frame):
    path = tmp_path / "labels.parquet"
    manifests.write(frame, path, "labels", json.dumps({"seed": 0}), ["unmirrored", "mirrored"])
    return path


def test_what_is_written_is_read_back_with_what_made_it(tmp_path):
    path = written(tmp_path, LABELS)
    read = manifests.read(path, "labels")
    pd.testing.assert_frame_equal(read, LABELS, check_dtype=False)
    assert json.loads(pq.read_schema(path).metadata[b"provenance"]) == {"seed": 0}
    assert manifests.classes(path) == read.attrs["classes"] == ["unmirrored", "mirrored"]


def test_the_rows_of_some_splits_are_read_and_all_are_checked(tmp_path):
    path = written(tmp_path, LABELS)
    assert manifests.read(path, "labels", ["test"])["image"].tolist() == ["b.png"]
    assert manifests.read(path, "labels", ["val"]).empty
    written(tmp_path, LABELS.assign(image="a.png"))
    with pytest.raises(UserError, match="holds image a.png and label situs twice"):
        manifests.read(path, "labels", ["test"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"image": ["a.png", "a.png"]}, "holds image a.png and label situs twice"),
        ({"patient": ["1", "1"]}, "patient 1 in more than one split"),
        ({"split": ["train", "holdout"]}, "has the split 'holdout'"),
        ({"flipped": [True, True]}, "contradicts itself on whether the label of image a.png"),
    ],
)
def test_a_label_manifest_that_contradicts_itself_is_refused(tmp_path, change, sentence):
    path = written(tmp_path, LABELS.assign(**change))
    with pytest.raises(UserError, match=f"^{path} .*{sentence}"):
        manifests.read(path, "labels")


def test_a_cohort_with_a_patient_in_two_splits_is_refused(tmp_path):
    path = tmp_path / "cohort.parquet"
    manifests.write(LABELS.assign(patient="7"), path, "cohort", "{}")
    with pytest.raises(UserError, match=f"^{path} has patient 7 in more than one split"):
        manifests.read(path, "cohort")


def test_an_image_may_have_several_labels(tmp_path):
    both = pd.concat([LABELS, LABELS.assign(label="Mass")], ignore_index=True)
    path = written(tmp_path, both)
    pd.testing.assert_frame_equal(manifests.read(path, "labels"), both, check_dtype=False)


def test_some_columns_are_read_for_speed(tmp_path):
    path = written(tmp_path, LABELS)
    assert list(manifests.read(path, "labels", columns=["image", "given_label"])) == [
        "image",
        "given_label",
    ]


def test_an_index_has_further_columns_of_text(tmp_path):
    path = tmp_path / "index.parquet"
    index = pd.DataFrame({"image": ["a"], "patient": "1", "view": "PA", "source": "s", "path": "p"})
    index[["bytes", "width", "height", "shard"]] = 1
    index[["Mass", "Patient Age"]] = ["1", "063"]
    index.attrs["classes"] = ["Mass"]
    manifests.write(index, path, "index", "{}")
    read = manifests.read(path, "index")
    pd.testing.assert_frame_equal(read, index, check_dtype=False)
    assert read.attrs["classes"] == manifests.classes(path) == ["Mass"]
    with pytest.raises(UserError, match=r"not a predictions manifest \(.*split string"):
        manifests.read(path, "predictions")


def test_predictions_have_a_column_of_float32_a_class(tmp_path):
    path = tmp_path / "predictions.parquet"
    frame = pd.DataFrame({"image": ["a"], "split": ["test"], "cat": [0.25], "dog": [0.75]})
    manifests.write(frame, path, "predictions", "{}", ["cat", "dog"])
    read = manifests.read(path, "predictions")
    assert read[manifests.classes(path)].to_numpy().tolist() == [[0.25, 0.75]]
    assert (read[["cat", "dog"]].dtypes == "float32").all()


def test_a_suggestion_may_be_neither_right_nor_wrong(tmp_path):
    path = tmp_path / "verdicts.parquet"
    verdicts = pd.DataFrame({"image": list("abc"), "label": "x", "flipped": False, "verdict": ""})
    verdicts[["true_label", "given_label", "predicted", "mc_predicted"]] = -1
    verdicts["suggestion_right"] = pd.array([True, None, False], "boolean")
    manifests.write(verdicts, path, "verdicts", "{}")
    right = manifests.read(path, "verdicts")["suggestion_right"]
    assert right.dtype == "boolean" and right.isna().tolist() == [False, True, False]


def test_other_columns_are_named(tmp_path):
    path = tmp_path / "labels.parquet"
    LABELS.drop(columns="flipped").to_parquet(path)
    with pytest.raises(UserError, match="not a labels manifest.*flipped bool"):
        manifests.read(path, "labels")


def test_a_file_that_is_not_parquet_is_said(tmp_path):
    path = tmp_path / "labels.parquet"
    path.write_text("image,label\n")
    with pytest.raises(UserError, match="not a Parquet file"):
        manifests.read(path, "labels")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """A label manifest of 300 images: its bytes, and a path to write to."""
    path = tmp_path_factory.mktemp("damaged") / "labels.parquet"
    many = pd.concat([LABELS.head(1)] * 300, ignore_index=True)
    many["image"] = [f"{number:08d}_000.png" for number in range(300)]
    manifests.write(many, path, "labels", "{}")
    return path.read_bytes(), path


@given(st.floats(0, 1, exclude_max=True))
def test_a_manifest_cut_anywhere_is_refused_by_name(scratch, share):
    content, path = scratch
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match="labels.parquet is not a Parquet file, or a damaged one"):
        manifests.read(path, "labels")


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_a_manifest_with_a_wrong_byte_ends_in_no_traceback(scratch, share, change):
    content, path = scratch
    damaged = bytearray(content)
    damaged[int(share * len(content))] ^= change
    path.write_bytes(damaged)
    with suppress(UserError):  # Parquet has no checksum that would always tell
        manifests.read(path, "labels")
