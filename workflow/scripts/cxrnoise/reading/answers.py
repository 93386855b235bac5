"""Readings: what a study asks, what a reader says of a case, and the CSV file that holds it.

A study asks for one finding, for several, or for one of N classes. There is one reading a reader,
case and finding; a choice of a class is one reading, too.
"""

import csv
import io
import math
import os
import re
import unicodedata
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.files import replacing
from cxrnoise.core.names import slug
from cxrnoise.core.spreadsheets import escaped, unescaped
from cxrnoise.tasks.columns import listed

PRESENT, ABSENT, UNSURE = ANSWERS = ("present", "absent", "unsure")
CONFIDENCES = (1, 2, 3, 4, 5)  # 1 a guess, 5 certain
UNSAID = 0  # as a confidence: not asked, or not said
OTHER_FINDINGS = (
    "subcutaneous emphysema",
    "pneumothorax",
    "effusion",
    "consolidation",
    "nodule or mass",
    "fibrosis",
    "other",
)
COMMENT_LENGTH = 2000
NAME_LENGTH = 60
LONGEST_SECONDS = 86400.0


@dataclass(frozen=True)
class Asked:
    """What a study asks of each case.

    findings: their names; where there are classes, the name of what is classified alone.
    classes: the names of the classes of which a reader chooses one; none in a study of findings.
    """

    findings: Sequence[str]
    classes: Sequence[str] = ()

    @property
    def alone(self) -> bool:
        """Whether one finding is asked for, and then how certain the reader is, and what else."""
        return len(self.findings) == 1 and not self.classes

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The answers that there are."""
        return (*self.classes, UNSURE) if self.classes else ANSWERS

    def named(self, finding: str) -> str:
        """Return a finding as this study spells it; one that is not asked for as it is."""
        return {slug(name): name for name in self.findings}.get(slug(finding), finding)


@dataclass(frozen=True)
class Reading:
    """What a reader says of one finding of one case; the fields are the columns of the CSV file.

    answer: one of `Asked.vocabulary`. confidence: 1 (a guess) to 5 (certain), and other_finding:
    one of `OTHER_FINDINGS`, or empty; both are asked for in studies of one finding alone, and are
    `UNSAID` and empty in others. comment: of the case, and seconds: how long the case was read;
    both are the same for all of its findings. answered_at: ISO 8601, in UTC.
    """

    study: str
    case: str
    reader: str
    finding: str
    answer: str
    confidence: int
    other_finding: str
    comment: str
    seconds: float
    answered_at: str


COLUMNS = [field.name for field in fields(Reading)]
OLD_COLUMNS = [name for name in COLUMNS if name != "finding"]  # before studies of several findings


def problem(reading: Reading, asked: Asked) -> str:
    """Return what is wrong with the values of `reading`, or an empty string."""
    if reading.finding not in asked.findings:
        return (
            f"the finding {reading.finding!r}, which the study does not ask for: it asks for "
            f"{listed(asked.findings, most=20)}"
        )
    if reading.answer not in asked.vocabulary:
        return f"the answer {reading.answer!r}, which is none of {listed(asked.vocabulary, 130)}"
    wrong = _problem_of_one(reading) if asked.alone else _problem_of_several(reading)
    if wrong:
        return wrong
    if len(reading.comment) > COMMENT_LENGTH:
        return f"a comment of more than {COMMENT_LENGTH} characters"
    if not _is_text(reading.comment):
        return "a comment with control characters"
    if not (math.isfinite(reading.seconds) and 0 <= reading.seconds <= LONGEST_SECONDS):
        return f"{reading.seconds} seconds, which is not between 0 and {LONGEST_SECONDS:.0f}"
    if not _is_utc(reading.answered_at):
        return f"the time {reading.answered_at!r}, which is not like 2026-01-31T12:00:00Z"
    return name_problem(reading.reader)


def _problem_of_one(reading: Reading) -> str:
    if reading.confidence not in CONFIDENCES:
        return f"the confidence {reading.confidence!r}, which is none of 1 to 5"
    if reading.other_finding not in ("", *OTHER_FINDINGS):
        return (
            f"the other finding {reading.other_finding!r}, which is neither empty nor one of "
            f"{', '.join(OTHER_FINDINGS)}"
        )
    return ""


def _problem_of_several(reading: Reading) -> str:
    if reading.confidence != UNSAID:
        return f"the confidence {reading.confidence!r}, which is asked for one finding alone"
    if reading.other_finding:
        return f"the other finding {reading.other_finding!r}, which is asked for one finding alone"
    return ""


def name_problem(name: str) -> str:
    """Return what is wrong with the name of a reader, or an empty string."""
    if not 0 < len(name) <= NAME_LENGTH or name != name.strip() or not name.isprintable():
        return (
            f"the reader {name[: NAME_LENGTH + 1]!r}, which is not a name of "
            f"1 to {NAME_LENGTH} printable characters"
        )
    return ""


def now() -> str:
    """Return the time in the form of `answered_at`."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _is_text(comment: str) -> bool:
    return all(sign in "\n\t" or unicodedata.category(sign) not in ("Cc", "Cs") for sign in comment)


def _is_utc(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).utcoffset() == timedelta(0)
    except ValueError:
        return False


def to_frame(readings: Iterable[Reading]) -> pd.DataFrame:
    """Return the readings as a table with `COLUMNS`."""
    return pd.DataFrame([astuple(reading) for reading in readings], columns=COLUMNS)


def to_csv(readings: Iterable[Reading]) -> str:
    """Return the readings as CSV, in which no cell is a formula to a spreadsheet."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_cells(reading) for reading in readings)
    return text.getvalue()


def _cells(reading: Reading) -> list[str]:
    values = asdict(reading)
    if reading.confidence == UNSAID:
        values["confidence"] = ""
    return [escaped(str(value)) for value in values.values()]


def write_csv(readings: Iterable[Reading], path: str | Path) -> None:
    """Write the readings as CSV, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(to_csv(readings).encode())


def read_csv(path: str | Path, study: str, cases: Container[str], asked: Asked) -> list[Reading]:
    """Read a CSV file of readings and check every row.

    A file from before there were studies of several findings has no column `finding`; its
    readings are of the one finding of the study.

    Parameters
    ----------
    study: the study that all rows must be of; cases: its cases; asked: what it asks.

    Raises `UserError`, with file and row (the header is row 1), for a file that is no such table,
    another study, an unknown case, a finding that is not asked for, a value outside the
    vocabulary, or a second answer of one reader to a case and finding.
    """
    readings, rows = [], {}
    for number, cells in _rows(path, asked):
        reading = _parsed(cells, asked)
        wrong = reading if isinstance(reading, str) else _foreign(reading, study, cases, asked)
        if wrong:
            raise UserError(f"{path}, row {number}, has {wrong}: mend the row or remove it.")
        first = rows.setdefault((reading.reader, reading.case, reading.finding), number)
        if first != number:
            raise UserError(
                f"{path}, row {number}, is a second answer of reader {reading.reader!r} to "
                f"{reading.finding} in case {reading.case}, after row {first}: remove one of the "
                "two."
            )
        readings.append(reading)
    return readings


def numbered_rows(path: str | Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (row, cells) of a CSV file, the header being row 1, without empty rows.

    Raises `UserError` that names a file that cannot be read or is no CSV.
    """
    number = 0
    if os.path.exists(path) and not os.path.isfile(path):
        raise UserError(f"{path} could not be read (no regular file): check the path.")
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            for number, cells in enumerate(csv.reader(file, strict=True), 1):
                if cells:
                    yield number, cells
    except OSError as error:
        raise UserError(f"{path} could not be read ({error.strerror}): check the path.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{path} is not comma-separated values in UTF-8 ({error}, after row {number}): "
            "save it as that."
        ) from error


def _rows(path: str | Path, asked: Asked) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Yield (row, its cells by column, or what is wrong with their number)."""
    rows = numbered_rows(path)
    _, header = next(rows, (1, []))
    if header not in (COLUMNS, OLD_COLUMNS):
        raise UserError(
            f"{path} is not a table of readings, as row 1 is not "
            f"{','.join(COLUMNS)}: export it as comma-separated values with this header."
        )
    if header == OLD_COLUMNS and len(asked.findings) > 1:
        raise UserError(
            f"{path} has no column finding, but the study asks for {len(asked.findings)} findings: "
            "add the column, with the finding that each row answers."
        )
    for number, cells in rows:
        if len(cells) != len(header):
            yield number, f"{len(cells)} cells instead of {len(header)}"
        else:
            known = {"finding": asked.findings[0]}
            yield number, known | dict(zip(header, map(unescaped, cells), strict=True))


def _parsed(cells: dict[str, str] | str, asked: Asked) -> Reading | str:
    """Return the reading in the cells of a row, or what is wrong with them."""
    if isinstance(cells, str):
        return cells
    values = dict(cells)
    values["comment"] = values["comment"].replace("\r\n", "\n")  # as spreadsheets save it
    values["finding"] = asked.named(values["finding"])
    confidence, seconds = values["confidence"], values["seconds"]
    if not re.fullmatch(r"[1-5]?", confidence) or (asked.alone and not confidence):
        return f"the confidence {confidence!r}, which is none of 1 to 5"
    if not re.fullmatch(r"\d{1,9}(\.\d{0,9})?", seconds, re.ASCII):
        return f"the seconds {seconds!r}, which are no number such as 12.5"
    return Reading(**values | {"confidence": int(confidence or UNSAID), "seconds": float(seconds)})


def _foreign(reading: Reading, study: str, cases: Container[str], asked: Asked) -> str:
    if reading.study != study:
        return f"the study {reading.study!r} instead of {study}"
    if reading.case not in cases:
        return f"the case {reading.case!r}, which is not in the study"
    return problem(reading, asked)
