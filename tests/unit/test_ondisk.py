import sqlite3

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrnoise.core import ondisk
from cxrnoise.core.errors import UserError


@given(st.lists(st.tuples(st.text(), st.integers(-(2**62), 2**62), st.booleans())))
def test_what_goes_in_comes_out_in_frames_as_often_as_asked(rows):
    tables = ondisk.Tables()
    tables.insert("rows", ["case", "row", "group"], rows)
    query = tables.select("SELECT * FROM rows")
    for _ in range(2):
        assert list(ondisk.rows(query, ["case", "row", "group"])) == rows


def test_no_frame_is_long_and_none_is_missing(monkeypatch):
    monkeypatch.setattr(ondisk, "ROWS", 10)
    tables = ondisk.Tables()
    tables.insert("numbers", ["number"], ((number,) for number in range(25)))
    query = tables.select("SELECT number FROM numbers WHERE number < ?", 24)
    assert [len(frame) for frame in query] == [10, 10, 4]
    assert list(query.column("number")) == list(range(24))
    pd.testing.assert_frame_equal(query.whole(), pd.DataFrame({"number": range(24)}))


def test_nothing_found_is_a_frame_without_rows():
    tables = ondisk.Tables()
    tables.insert("numbers", ["number"], [])
    (frame,) = tables.select("SELECT * FROM numbers")
    assert list(frame) == ["number"] and frame.empty


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_names_are_in_the_order_of_python_each_once(names):
    found = ondisk.Names(names)
    assert list(found) == sorted(set(names))
    assert len(found) == len(set(names))
    assert all(name in found for name in names)
    assert "no such name" not in found


def test_a_full_folder_for_temporary_files_is_said(full_disk, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with (
        full_disk(5_000_000),
        pytest.raises(UserError, match=f"temporary files {tmp_path} could not"),
    ):
        ondisk.Names(f"{number:0100d}" for number in range(200_000))
    assert not list(tmp_path.iterdir())


def test_a_mistake_in_sql_is_no_mistake_of_the_user():
    with pytest.raises(sqlite3.OperationalError, match="syntax error"):
        ondisk.Tables().run("SELECT FROM")
