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
        "shard": [0, 0],
        "row": [0, 1],
        "mirrored": [True, False],
        "true_label": [1, 0],
        "reported_label": [1, 0],
        "given_label": [1, 1],
        "flipped": [False, True],
    }
)


def written(tmp_path, frame):
    path = tmp_path / "labels.parquet"
    manifests.write(frame, path, "labels", json.dumps({"seed": 0}))
    return path


def test_what_is_written_is_read_back_with_what_made_it(tmp_path):
    path = written(tmp_path, LABELS)
    read = manifests.read(path, "labels")
    pd.testing.assert_frame_equal(read, LABELS, check_dtype=False)
    assert json.loads(pq.read_schema(path).metadata[b"provenance"]) == {"seed": 0}


def test_the_rows_of_some_splits_are_read_and_all_are_checked(tmp_path):
    path = written(tmp_path, LABELS)
    assert manifests.read(path, "labels", ["test"])["image"].tolist() == ["b.png"]
    assert manifests.read(path, "labels", ["val"]).empty
    written(tmp_path, LABELS.assign(image="a.png"))
    with pytest.raises(UserError, match="holds image a.png twice"):
        manifests.read(path, "labels", ["test"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"image": ["a.png", "a.png"]}, "holds image a.png twice"),
        ({"patient": ["1", "1"]}, "patient 1 in more than one split"),
        ({"split": ["train", "holdout"]}, "has the split 'holdout'"),
        ({"flipped": [True, True]}, "image a.png that its label was flipped"),
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
