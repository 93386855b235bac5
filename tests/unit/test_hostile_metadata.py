"""Metadata and readings that are made to harm: one sentence with file and line, little memory."""

import csv
import gzip
import os
import resource
import subprocess
import sys

import pandas as pd
import pytest

from cxrnoise.core.errors import UserError
from cxrnoise.datasets import metadata
from cxrnoise.reading import sources
from cxrnoise.report import pages

MEMORY = 2**29  # bytes that a hostile file may take, which would unpack to far more
OWN = "image,patient,label\n"
RELEASED = "Image Index,Finding Labels,Follow-up #,Patient ID,View Position\n"
LIVE = ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "'=1", "$(touch x)", "`touch x`", "<script>", "%0a"]


@pytest.fixture
def refusal(tmp_path):
    """Return the sentence with which metadata of these bytes are refused."""

    def refusal(content, name="labels.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(UserError) as caught:
            list(metadata.read(path))
        text = str(caught.value)
        assert str(path) in text and text.isprintable() and len(text) < 700
        return text

    return refusal


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"image,patient,label\na,1,0\n" + b"x" * 10_000_000, "line 3 has more than 100000 char"),
        (b"x" * 10_000_000, "line 1 has more than 100000 characters"),
        (b"image,patient,label\na\0,1,0\n", "line 2 is no text in UTF-8"),
        (b"image,patient,label\na,1,0\nb\xff,1,0\n", "line 3 is no text in UTF-8"),
        (b"PK\x03\x04\xff\xfe" * 99, "line 1 is no text in UTF-8"),
        (b'image,patient,label\na,1,0\n"b,1,0\nc,1,0\n', "(a quote that never closes, in line 3)"),
    ],
    ids=["field", "header", "NUL", "UTF-8", "binary", "quote"],
)
def test_what_is_no_table_is_refused_with_its_line(refusal, content, said, packed):
    if packed:
        assert said in refusal(gzip.compress(content), "labels.csv.gz")
    else:
        assert said in refusal(content)


def test_a_quoted_field_of_many_lines_is_refused(refusal):
    text = refusal(OWN + '"' + "a,b\n" * 1_000_000 + '",1,0\n')
    assert "has more than 100000 characters, perhaps by a quote that never closes" in text
    text = refusal(OWN + '"' + "a,b\n" * 100 + '",1,0\n')
    assert "line 2, column image: it has more than 255 characters" in text


@pytest.mark.parametrize("header", [OWN, RELEASED])
def test_a_row_of_absurdly_many_columns_is_refused(refusal, header):
    assert "line 2 has more than 1000 columns" in refusal(header + "a.png,1,0,1,PA" + "," * 1000)


def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "labels.csv")
    with pytest.raises(UserError, match=r"labels\.csv cannot be read \(no regular file\)"):
        list(metadata.read(tmp_path / "labels.csv"))


def test_long_rows_are_held_a_few_at_a_time(tmp_path):
    rows = f"a.png,No Finding,{'x' * 90_000},1,PA\n" * 400
    (tmp_path / "labels.csv").write_text(RELEASED + rows)
    sizes = [len(frame) for frame in metadata.read(tmp_path / "labels.csv")]
    assert sum(sizes) == 400 and max(sizes) < 200


@pytest.mark.parametrize("name", ["a\nb.png", "a\rb.png", "a\tb.png", "\x1b[31m.png", "\x85.png"])
def test_a_name_with_a_control_character_is_refused_in_either_layout(refusal, name):
    for header, row in ((OWN, '"{}",1,0\n'), (RELEASED, '"{}",No Finding,0,1,PA\n')):
        text = refusal(header + row.format(f"x{name}"))
        assert "in line 2, column image: it has a control character" in text


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("x/a.png,No Finding,0,1,PA", "image: write the file's name without its folder"),
        ("a.png,No Finding,0,../1\x0b,PA", "patient: it has a control character"),
        ('a.png,"Mass|\x07",0,1,PA', "findings: it has a control character"),
        ("a.png,No Finding,0,1,P\x08A", "view: it has a control character"),
    ],
)
def test_the_columns_of_a_release_are_checked_too(refusal, row, column):
    assert f"in line 2, column {column}" in refusal(RELEASED + row + "\n")


def test_formulas_commands_and_tags_are_names_like_any_other(tmp_path):
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [["image", "patient", *LIVE], *([name, name, *"1" * len(LIVE)] for name in LIVE)]
        )
    [found] = metadata.read(tmp_path / "labels.csv")
    assert found["image"].tolist() == found["patient"].tolist() == LIVE
    assert set(found["findings"]) == {"|".join(LIVE)}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"\0" * 2**20, "line 2 is no text"),
        (b"\n" * 2**20, "beyond"),
        (b"a,1,0\n" * 2**17, "beyond"),
    ],
    ids=["zeros", "empty lines", "rows"],
)
def test_metadata_that_unpack_to_more_than_is_read_are_refused_in_little_memory(
    tmp_path, line, said
):
    with gzip.open(tmp_path / "labels.csv.gz", "wb", compresslevel=1) as file:
        file.write(OWN.encode())
        for _ in range(2**7):
            file.write(line)
    code = "from cxrnoise.datasets import metadata; metadata.LARGEST = 2**26; "
    code += "list(metadata.read(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, 'workflow/scripts'); {code}"]
        + [str(tmp_path / "labels.csv.gz")],
        capture_output=True,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY)),
    )
    assert done.returncode == 1
    assert "UserError" in done.stderr.splitlines()[-1] and said in done.stderr.splitlines()[-1]


# Readings


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a.png,r1,YES,\n" + "x" * 10_000_000, "field larger than field limit (131072), after row"),
        ('a.png,r1,YES,\n"b.png,r1,YES,\n', "unexpected end of data, after row 2"),
        ("a.png,\x1b[2J,YES,\n", "row 2, has the reader '\\x1b[2J', which is not a name"),
        ("a.png," + "x" * 1000 + ",YES,\n", "row 2, has the reader 'xxx"),
        ("a.png,r1,=1+1,\n", "row 2, has the answer '=1+1' to Emphysema"),
    ],
)
def test_expert_reads_that_are_made_to_harm_are_refused_with_their_row(tmp_path, row, said):
    (tmp_path / "reads.csv").write_text("Image ID,Reader ID,Emphysema,Mass\n" + row)
    with pytest.raises(UserError) as caught:
        sources.images_read(tmp_path / "reads.csv", "Emphysema")
    assert str(tmp_path / "reads.csv") in str(caught.value) and said in str(caught.value)
    assert str(caught.value).isprintable()


# What is written


def test_text_in_a_table_is_no_formula_and_a_number_stays_one(tmp_path):
    pages.write_csv(
        pd.DataFrame({"reader": ["=1", "ann"], "kappa": [-0.25, 1]}), tmp_path / "t.csv"
    )
    assert (tmp_path / "t.csv").read_text() == "reader,kappa\n'=1,-0.25\nann,1\n"


def test_a_bar_does_not_break_a_markdown_table():
    assert pages.markdown_table(["a|b"], [["c|d"]]).splitlines() == [
        r"| a\|b |",
        "| ---: |",
        r"| c\|d |",
    ]
