import gzip

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import whole
from cxrnoise.core.errors import UserError
from cxrnoise.datasets import chestxray14, metadata


@pytest.fixture
def read(tmp_path):
    """Read a metadata file of this text."""

    def read(text):
        (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
        return whole.metadata(tmp_path / "labels.csv")

    return read


def test_one_label_per_image_is_enough(read):
    entries = read("image,patient,label\na.png,7,1\nb.dcm,7,0\n")
    assert list(entries) == ["image", "patient", "view", "findings"]
    assert entries.to_numpy().tolist() == [
        ["a.png", "7", "PA", "label"],
        ["b.dcm", "7", "PA", "No Finding"],
    ]


def test_each_further_column_is_a_finding(read):
    entries = read("image,patient,Mass,nodule\na,1,1,1\nb,1,0,1\nc,1,,0\nd,1,1.0,0.0\n")
    assert entries["findings"].tolist() == ["Mass|nodule", "nodule", "No Finding", "Mass"]


def test_a_view_column_chooses_the_pa_images(read):
    entries = read("image,patient,view,label\na,1,PA,0\nb,1,AP,0\nc,2,pa,0\nd,2,,0\n")
    assert entries["view"].tolist() == ["PA", "AP", "PA", ""]
    assert list(chestxray14.pa_images([entries])) == ["a", "c"]


@pytest.mark.parametrize(
    "text",
    [
        "image,patient,label\na.png,1,1\n",
        "\ufeffimage,patient,label\na.png,1,1\n",
        "Patient, Image , label\n1, a.png , 1\n",
        "image,patient,label,\na.png,1,1,\n\n",
        ",image,patient,label\n0,a.png,1,1\n",
        "image,patient,label,No Finding\na.png,1,1,0\n",
        'image,patient,label\r\n"a.png","1","1"\r\n',
    ],
    ids=["plain", "mark", "spaces", "trailing comma", "row numbers", "no finding", "quoted"],
)
def test_every_usual_way_to_write_the_file_is_read(read, text):
    assert read(text).to_numpy().tolist() == [["a.png", "1", "PA", "label"]]


def test_a_compressed_file_is_read(tmp_path):
    (tmp_path / "m.csv.gz").write_bytes(gzip.compress(b"image,patient,label\na,1,1\n"))
    assert whole.metadata(tmp_path / "m.csv.gz")["findings"].tolist() == ["label"]


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=20))
def test_the_findings_are_the_columns_that_are_1(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("own") / "labels.csv"
    lines = [f"{number}.png,{number},{a:d},{b:d},{c:d}" for number, (a, b, c) in enumerate(rows)]
    path.write_text("\n".join(["image,patient,x,y,z", *lines]))
    for row, findings in zip(rows, whole.metadata(path)["findings"], strict=True):
        expected = {name for name, found in zip("xyz", row, strict=True) if found}
        assert set(findings.split("|")) == (expected or {"No Finding"})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("image,patient,label\na,1,0\nb,1,2\n", "has '2' in line 3, column label: a finding is"),
        ("image,patient,label\n\na,1,-1.0\n", "has '-1.0' in line 3, column label"),
        ("image,patient,label,age\na,1,0,63\n", "has '63' in line 2, column age"),
        ("image,patient,label\na,,0\n", "has '' in line 2, column patient: every row names"),
        ("image,patient,label\n,1,0\n", "has '' in line 2, column image: every row names"),
        ("image,patient,label\nx/a.png,1,0\n", "has 'x/a.png' in line 2, column image: write"),
        ("image,patient,label\na,1,0,1\n", "cannot be read"),
        ("image,patient,label\na,1,0\nb,1,0,1\n", "cannot be read .*line 3"),
        ("image,patient,view\na,1,PA\n", "has no finding: add a column"),
        ("image,patient,No Finding\na,1,1\n", "has no finding: add a column"),
        ("image,label\na,1\n", "has no column patient"),
        ("patient,label\n1,1\n", "has no column image"),
        ("image,patient,Mass,mass\na,1,0,1\n", "has the column Mass more than once"),
        ("image,patient,a|b\na,1,0\n", "has a vertical bar in the column a|b"),
        ("file,label\na,1\n", "has no header of either kind: set `metadata`"),
        ("image;patient;label\na;1;0\n", "has no header of either kind"),
        ("", "cannot be read"),
    ],
)
def test_a_mistake_is_one_sentence_with_file_line_and_column(read, text, sentence):
    with pytest.raises(UserError, match=rf"labels\.csv {sentence}".replace("|", r"\|")) as error:
        read(text)
    assert "\n" not in str(error.value)


PIECES = [("image,patient,x", ""), ("Image Index,Patient ID,Finding Labels,View Position", ",PA")]


@pytest.mark.parametrize(("header", "view"), PIECES)
def test_a_file_that_is_read_in_pieces_says_the_same(tmp_path, monkeypatch, header, view):
    path = tmp_path / "labels.csv"
    lines = [f"{number}.png,{number},{number % 2}{view}" for number in range(100)]
    path.write_text("\n".join([header, *lines]))
    expected = whole.metadata(path)
    monkeypatch.setattr(metadata, "ROWS", 7)
    assert max(map(len, metadata.read(path))) == 7
    pd.testing.assert_frame_equal(whole.metadata(path), expected)


def test_a_mistake_beyond_the_first_piece_is_named_by_its_line(tmp_path, monkeypatch):
    monkeypatch.setattr(metadata, "ROWS", 7)
    path = tmp_path / "labels.csv"
    path.write_text("image,patient,x\n" + "a,1,1\n" * 50 + "a,1,7\n")
    with pytest.raises(UserError, match="has '7' in line 52, column x"):
        whole.metadata(path)
