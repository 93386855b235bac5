"""Names that look like formulas or commands, and readings that cannot be used."""

import csv

import pandas as pd
import pytest

import whole
from cxrnoise.core.errors import UserError
from cxrnoise.reading import sources
from cxrnoise.report import pages

LIVE = ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "'=1", "$(touch x)", "`touch x`", "<script>", "%0a"]


def test_formulas_commands_and_tags_are_names_like_any_other(tmp_path):
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [["image", "patient", *LIVE], *([name, name, *"1" * len(LIVE)] for name in LIVE)]
        )
    found = whole.metadata(tmp_path / "labels.csv", "table")
    assert found["image"].tolist() == found["patient"].tolist()
    assert found["image"].tolist() == LIVE
    assert list(found)[3:] == LIVE and (found[LIVE] == "1").all(axis=None)


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
    header, _, row = pages.markdown_table(["a|b"], [["c|d"]]).splitlines()
    assert (header.strip("| "), row.strip("| ")) == (r"a\|b", r"c\|d")
