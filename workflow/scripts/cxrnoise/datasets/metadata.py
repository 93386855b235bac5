"""The metadata of a data set: ChestXRay14's CSV file, or one's own with a column per finding."""

import csv
import gzip
import os
import re
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.ondisk import ROWS

CHESTXRAY14 = {
    "Image Index": "image",
    "Patient ID": "patient",
    "View Position": "view",
    "Finding Labels": "findings",
}
COLUMNS = tuple(CHESTXRAY14.values())
OWN = ("image", "patient")
NO_FINDING = "No Finding"
# What is beyond is no table of radiographs: ChestXRay14's has 9 MB and lines of 150 characters.
LARGEST, LONGEST_ROW, MOST_COLUMNS = 2**32, 100_000, 1000
LARGEST_FRAME = 2**24  # characters
LONGEST_NAME = 255  # as file systems have it
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNCLOSED = re.compile(r"Error tokenizing data.*EOF inside string starting at row (\d+)")
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")  # the latter stand for bytes that are not UTF-8
EITHER = (
    "set `metadata` to ChestXRay14's Data_Entry_2017 CSV file, or to one with the columns image, "
    "patient and one per finding"
)


def read(path: str | Path) -> Iterator[pd.DataFrame]:
    """Read a metadata CSV (.csv or .csv.gz): any release of ChestXRay14's, or one's own.

    One's own has the columns `image` (file name) and `patient`, optionally `view` (else each
    view is PA), and any further column is a finding: 1 where the image has it, else 0 or empty.
    A column `No Finding` follows from the others and is not read.

    Yields
    ------
    Frames of at most `ROWS` rows: strings image, patient, view, findings, one row an entry;
    findings are separated by a vertical bar, or `No Finding`. The index is the line in the file
    minus 2.
    Raises `UserError` when the file is no such CSV, is far too large, lacks a column or has
    another value, such as a name with a control character.
    """
    rows = _rows_of_a_frame(path)
    first = next(_read(path, header=None, nrows=1, skip_blank_lines=False))
    header = first.iloc[0].tolist()
    own = not set(CHESTXRAY14) & set(header)
    for frame in (_own if own else _chestxray14)(path, header, rows):
        _check_entries(path, frame)
        yield frame


def name_problem(name: str) -> str:
    """Return what is wrong with the name of an image, a patient or a finding, or an empty string.

    Any other character is fine, be it of a shell, of HTML or of a spreadsheet.
    """
    if len(name) > LONGEST_NAME:
        return f"more than {LONGEST_NAME} characters"
    return "a control character, such as a line break" if _CONTROL.search(name) else ""


def _rows_of_a_frame(path: str | Path) -> int:
    """Return how many rows may be in memory at once.

    Raises `UserError` for what is no text or absurdly large, holding one row at a time.
    """
    opened = gzip.open if _is_compressed(path) else open
    size = began = longest = 0
    with _readable(path), opened(path, "rt", encoding="utf-8", errors="surrogateescape") as file:

        def lines() -> Iterator[str]:
            nonlocal size
            while line := file.readline(LONGEST_ROW + 1):
                size += len(line)
                _check_line(line, table.line_num + 1, size - began, size)
                yield line

        table = csv.reader(lines())
        for row in table:
            if len(row) > MOST_COLUMNS:
                raise ValueError(f"line {table.line_num} has more than {MOST_COLUMNS} columns")
            longest = max(longest, size - began)
            began = size
    return max(1, min(ROWS, LARGEST_FRAME // max(1, longest)))


def _check_line(line: str, number: int, size_of_row: int, size: int) -> None:
    if _NO_TEXT.search(line):
        raise ValueError(f"line {number} is no text in UTF-8")
    if size_of_row > LONGEST_ROW:
        quote = ", perhaps by a quote that never closes" if size_of_row > len(line) else ""
        raise ValueError(
            f"the row up to line {number} has more than {LONGEST_ROW} characters{quote}"
        )
    if size > LARGEST:
        raise ValueError(f"line {number} is beyond {LARGEST} characters")


def _is_compressed(path: str | Path) -> bool:
    return str(path).endswith(".gz")


@contextmanager
def _readable(path: str | Path) -> Iterator[None]:
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise OSError("no regular file")
        yield
    except (OSError, EOFError, ValueError, pd.errors.ParserWarning, zlib.error) as error:
        reason = _UNCLOSED.sub(_line_of_quote, " ".join(str(error).split()))
        raise UserError(f"The metadata {path} cannot be read ({reason}): {EITHER}.") from error


def _line_of_quote(found: re.Match) -> str:
    return f"a quote that never closes, in line {int(found[1]) + 1}"


def _read(path: str | Path, rows: int = 1, **options) -> Iterator[pd.DataFrame]:
    options |= {"dtype": str, "keep_default_na": False, "encoding": "utf-8-sig"}
    packed = "gzip" if _is_compressed(path) else None
    with (
        _readable(path),
        pd.read_csv(path, chunksize=rows, compression=packed, **options) as frames,
    ):
        for frame in frames:
            yield frame.fillna("")


def _chestxray14(path: str | Path, header: list[str], rows: int) -> Iterator[pd.DataFrame]:
    absent = [column for column in CHESTXRAY14 if column not in header]
    if absent:
        raise UserError(
            f"The metadata {path} has no column {', '.join(absent)}: set `metadata` to "
            "ChestXRay14's Data_Entry_2017 CSV file."
        )
    for frame in _read(path, rows, index_col=False, usecols=lambda column: column in CHESTXRAY14):
        yield frame[list(CHESTXRAY14)].rename(columns=CHESTXRAY14)


def _own(path: str | Path, header: list[str], rows: int) -> Iterator[pd.DataFrame]:
    names = [name.strip() for name in header]
    names = [name.lower() if name.lower() in (*OWN, "view") else name for name in names]
    if not set(OWN) & set(names):
        raise UserError(f"The metadata {path} has no header of either kind: {EITHER}.")
    absent = [name for name in OWN if name not in names]
    if absent:
        raise UserError(f"The metadata {path} has no column {', '.join(absent)}: {EITHER}.")
    others = ("", *OWN, "view", NO_FINDING.lower())
    findings = [name for name in names if name.lower() not in others]
    _check_names(path, names, findings)
    columns = {"header": None, "skiprows": 1, "names": range(len(names)), "index_col": False}
    frames = _read(path, rows, **columns, skip_blank_lines=False)
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # of more fields than names
            frame = next(frames, None)
        if frame is None:
            return
        frame = frame.apply(lambda column: column.str.strip())
        frame = frame[(frame != "").any(axis=1)].set_axis(names, axis=1)
        yield _entries(path, frame, findings)


def _entries(path: str | Path, frame: pd.DataFrame, findings: list[str]) -> pd.DataFrame:
    for name in OWN:
        _check(path, frame[name], frame[name] != "", f"every row names its {name}")
    found = pd.Series("", index=frame.index)
    for finding in findings:
        column = frame[finding]
        known = column.isin(("0", "1", "0.0", "1.0", ""))
        _check(path, column, known, "a finding is 1, 0 or empty, and no other column may be there")
        found += column.isin(("1", "1.0")).map({True: f"|{finding}", False: ""})
    frame["findings"] = found.str.removeprefix("|").where(found != "", NO_FINDING)
    frame["view"] = frame["view"].str.upper() if "view" in frame else "PA"
    return frame[list(COLUMNS)]


def _check_entries(path: str | Path, frame: pd.DataFrame) -> None:
    bare = ~frame["image"].str.contains("/")
    _check(path, frame["image"], bare, "write the file's name without its folder")
    for name in COLUMNS:
        problems = frame[name].map(name_problem)
        first = next(filter(None, problems), "")
        _check(path, frame[name], problems == "", f"it has {first}, which it must not")


def _check_names(path: str | Path, names: list[str], findings: list[str]) -> None:
    if not findings:
        raise UserError(
            f"The metadata {path} has no finding: add a column per finding, with 1 or 0 for each "
            "image."
        )
    counts = Counter(name.lower() for name in names if name)
    doubled = [name for name in names if counts[name.lower()] > 1]
    if doubled:
        raise UserError(
            f"The metadata {path} has the column {doubled[0]} more than once: leave one of them."
        )
    barred = [name for name in findings if "|" in name]
    if barred:
        raise UserError(
            f"The metadata {path} has a vertical bar in the column {barred[0]}: name it without, "
            "for bars separate findings."
        )


def _check(path: str | Path, column: pd.Series, good: pd.Series, rule: str) -> None:
    """Raise `UserError` that names the first row of `column` that is not `good`."""
    if not good.all():
        row = good.idxmin()
        raise UserError(
            f"The metadata {path} has {_shown(column[row])} in line {row + 2}, "
            f"column {column.name}: "
            f"{rule}."
        )


def _shown(text: str) -> str:
    return repr(text) if len(text) <= LONGEST_NAME else f"{text[:40]!r}…"
