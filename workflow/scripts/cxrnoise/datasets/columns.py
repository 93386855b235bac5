"""Names of columns as people write them."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from cxrnoise.core.errors import UserError

# What tables call these columns, as `key` returns it; the first is what we call it.
NAMES = {
    "image": (
        *("image", "imageindex", "imageid", "imagename", "imagefile", "imagepath"),
        *("path", "filename", "filepath", "file"),
    ),
    "patient": ("patient", "patientid", "patientnumber", "subject", "subjectid"),
    "view": ("view", "viewposition", "viewpos", "position", "projection", "appa"),
}
# Columns that the index makes; a table's column of this name is left out.
RESERVED = ("source", "path", "bytes", "width", "height", "shard", "sha256")


def key(name: str) -> str:
    """Return what is left of a name without letter case, blanks and punctuation."""
    return "".join(filter(str.isalnum, name.casefold()))


def find(names: Iterable[str], wanted: str) -> str | None:
    """Return the name that is written as `wanted`, or else one that differs in blanks or case."""
    names = list(names)
    if wanted in names:
        return wanted
    return next((name for name in names if key(name) == key(wanted)), None)


def renamed(
    frame: pd.DataFrame,
    path: str | Path,
    needed: Iterable[str],
    names: dict = NAMES,
    given: Mapping[str, str | None] = MappingProxyType({}),
) -> pd.DataFrame:
    """Rename the columns that `names` knows, and leave out those that the index makes itself.

    Parameters
    ----------
    needed: what must be there, such as `image`.
    given: the column to take in place of one with a usual name, by what it is, such as `image`.

    Raises `UserError` when a needed column is missing, or when two columns may be the same one.
    """
    found = {}
    for name, spellings in names.items():
        candidates = [column for column in frame if key(column) in spellings]
        if given.get(name):
            candidates = [_given(frame, path, name, given[name])]
            if name in frame and candidates != [name]:
                frame = frame.drop(columns=name)
        if len(candidates) > 1:
            raise UserError(
                f"The metadata {path} has {len(candidates)} columns that may be the {name}, "
                f"{' and '.join(map(repr, candidates))}: rename or delete all but one."
            )
        if candidates and candidates[0] in found:  # the image, where each is of another patient
            frame = frame.assign(**{name: frame[candidates[0]]})
        elif candidates:
            found[candidates[0]] = name
    for name in needed:
        if name not in found.values():
            raise UserError(
                f"The metadata {path} has no column for the {name}: call it {name!r} (its columns "
                f"are {', '.join(map(repr, frame))})."
            )
    frame = frame.rename(columns=found)
    reserved = [column for column in frame if column in RESERVED]
    if reserved:
        logging.warning(
            "%s: the columns %s are left out, for the index has columns of these names.",
            path,
            ", ".join(reserved),
        )
    return frame.drop(columns=reserved)


def _given(frame: pd.DataFrame, path: str | Path, name: str, column: str) -> str:
    found = find(frame, column)
    if found is None:
        raise UserError(
            f"The configuration key table.{name} is {column}, but the metadata {path} has no such "
            f"column: name one of {', '.join(map(repr, frame))}."
        )
    return found


def check(path: str | Path, column: pd.Series, good: pd.Series, rule: str) -> None:
    """Raise `UserError` that names the first row of `column` that is not `good`."""
    if not good.all():
        row = good.idxmin()
        raise UserError(
            f"The metadata {path} has {column[row]!r} in line {row}, column {column.name}: {rule}."
        )


def with_one_spelling(patients: pd.Series) -> pd.Series:
    """Write each patient in one way: where 7, 0007 and 7.0 occur together, all become 7."""
    plain = without_zeros(patients)
    spellings = patients.groupby(plain).transform("nunique")
    several = spellings > 1
    if several.any():
        logging.warning(
            "%d patients are written in several ways, such as %s: each is taken for one patient.",
            plain[several].nunique(),
            " and ".join(patients[plain == plain[several].iloc[0]].unique()),
        )
    return patients.where(~several, plain)


def without_zeros(patients: pd.Series) -> pd.Series:
    """Return numbers without leading zeros and without the `.0` that spreadsheets add."""
    return patients.str.replace(r"^0*(\d+)(?:\.0+)?$", r"\1", regex=True)


def in_order(frame: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """Return image, patient, view and then the others; note which of them are findings."""
    first = ["image", "patient", "view"]
    frame = frame[[*first, *(name for name in frame if name not in first)]]
    frame.attrs["classes"] = classes
    return frame
