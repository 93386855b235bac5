"""Tables as people and spreadsheets export them: any usual separator and encoding."""

import codecs
import csv
import gzip
import io
import logging
import re
import zlib
from pathlib import Path

import pandas as pd

from cxrnoise.core.errors import UserError

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
OTHER_FORMATS = {
    b"PK\x03\x04": "a ZIP file or an Excel workbook: unpack it, or save it as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel workbook: save it as CSV",
    b"PAR1": "a Parquet file: save it as CSV",
}
GZIP = b"\x1f\x8b"
HEADER = 2**16  # bytes in which the header is looked for
# What UTF-8 looks like where it is taken for Windows-1252, such as Ã¼ for ü.
MISTAKEN = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")
TOO_MANY = re.compile(r"Expected \d+ fields in line \d+, saw (\d+)")
UNCLOSED = re.compile(r"EOF inside string starting at row (\d+)")


def read(path: str | Path, split_header: bool = False) -> pd.DataFrame:
    """Read a table of text: comma, semicolon, tab or bar between cells, plain or as .gz.

    The text is UTF-8, UTF-16 or Windows-1252. Cells and names of columns are trimmed; empty rows
    and empty columns without a name are dropped.

    Parameters
    ----------
    split_header: whether a separator inside a quoted name of a column separates all the same, as
        in a release of ChestXRay14 whose header has `OriginalImage[Width,Height]`.

    Returns
    -------
    A frame of strings. Its index is the number of the row as a spreadsheet shows it, so the first
    row below the header is 2.
    Raises `UserError` when the file is no such table: what was found and what to do.
    """
    data = _unpacked(path)
    encoding = _encoding(path, data)
    separator = _separator(path, data, encoding)
    cells = _cells(path, data, encoding, separator)
    cells = cells.apply(lambda column: column.str.strip())
    cells.index += 1
    cells = cells[(cells != "").any(axis=1)]
    if cells.iloc[0, 0].lower().startswith("sep="):
        cells = cells.iloc[1:]
    header = cells.iloc[0].tolist()
    if split_header:
        header = _split(header)
    frame = _named(path, cells.iloc[1:], header)
    logging.info(
        "%s: %d rows, separated by %s, %s.", path, len(frame), SEPARATORS[separator], encoding
    )
    return frame


def _unpacked(path: str | Path) -> bytes:
    try:
        data = Path(path).read_bytes()
        if data.startswith(GZIP):
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise _refused(path, f"it cannot be read ({reason})") from error
    for signature, what in OTHER_FORMATS.items():
        if data.startswith(signature):
            raise _refused(path, f"it is {what}")
    if not data.strip():
        raise _refused(path, "it is empty")
    return data


def _refused(path: str | Path, reason: str) -> UserError:
    return UserError(f"The metadata {path} is not a table that can be read: {reason}.")


def _encoding(path: str | Path, data: bytes) -> str:
    marked = (encoding for mark, encoding in MARKS.items() if data.startswith(mark))
    encoding = next(marked, None)
    if encoding is None and b"\0" in data[:2]:
        encoding = "utf-16-be" if data[0] == 0 else "utf-16-le"
    encoding = encoding or "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding == "utf-8" and _is_windows_1252(data):
            return "cp1252"
        line = data.count(b"\n", 0, error.start) + 1
        raise _refused(
            path, f"line {line} is no text in {encoding}: save it as CSV in UTF-8"
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise _refused(path, f"line {line} is no text: save it as CSV in UTF-8")
    return encoding


def _is_windows_1252(data: bytes) -> bool:
    """Whether all that is not ASCII is letters, and nothing looks like damaged UTF-8."""
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return False
    odd = {letter for letter in set(text) if letter > "\x7f"}
    return "\0" not in text and all(map(str.isalpha, odd)) and not MISTAKEN.search(data)


def _separator(path: str | Path, data: bytes, encoding: str) -> str:
    """Return the separator that divides the header into most columns."""
    start = data[:HEADER].decode(encoding, errors="ignore")
    header = next((line for line in start.splitlines() if line.strip(' ",;|\t')), "")
    if header.lower().startswith("sep=") and header[4:5] in SEPARATORS:
        return header[4]
    numbers = {
        separator: len(next(csv.reader([header], delimiter=separator))) for separator in SEPARATORS
    }
    most = max(numbers.values())
    best = [separator for separator, number in numbers.items() if number == most]
    if most > 1 and len(best) == 1:
        return best[0]
    raise _refused(
        path,
        f"its header {header[:100]!r} is not divided into columns by commas, semicolons, tabs or "
        "bars alone: save it as CSV with commas",
    )


def _cells(path: str | Path, data: bytes, encoding: str, separator: str) -> pd.DataFrame:
    """Read all rows, the header among them, as wide as the widest."""
    start = data[:HEADER].decode(encoding, errors="ignore").splitlines()
    columns = max(map(len, csv.reader(start, delimiter=separator)))
    while True:
        try:
            return pd.read_csv(
                io.BytesIO(data),
                sep=separator,
                encoding=encoding,
                dtype=str,
                na_filter=False,
                header=None,
                names=range(columns),
                index_col=False,
                skip_blank_lines=False,
            )
        except pd.errors.ParserError as error:
            wider = TOO_MANY.search(str(error))
            if wider is None:
                raise _refused(path, _fault(str(error))) from error
            columns = int(wider[1])


def _fault(message: str) -> str:
    unclosed = UNCLOSED.search(message)
    if unclosed:
        return f"a quote in line {int(unclosed[1]) + 1} never closes"
    return " ".join(message.split())


def _split(header: list[str]) -> list[str]:
    """Divide names at commas where this gives as many names as there are columns."""
    names = [part.strip() for name in header for part in name.split(",")]
    while names and len(names) > len(header) and not names[-1]:
        names.pop()
    return names if len(names) == len(header) else header


def _named(path: str | Path, cells: pd.DataFrame, header: list[str]) -> pd.DataFrame:
    """Name the columns; drop those that have neither a name nor a cell, and row numbers."""
    unnamed = [number for number, name in enumerate(header) if not name]
    for number in unnamed:
        filled = cells.index[cells[number] != ""]
        if len(filled) and number > 0:
            raise UserError(
                f"The metadata {path} has {cells.at[filled[0], number]!r} in line {filled[0]}, "
                f"column {number + 1}, which has no name: name the column, or remove the cell."
            )
    if unnamed[:1] == [0]:
        logging.info("%s: the first column has no name and is left out.", path)
    frame = cells.drop(columns=unnamed)
    frame.columns = [name for name in header if name]
    doubled = frame.columns[frame.columns.duplicated()]
    if len(doubled):
        raise UserError(
            f"The metadata {path} has the column {doubled[0]} more than once: rename or delete one."
        )
    if frame.empty:
        raise UserError(f"The metadata {path} has no row below its header.")
    return frame
