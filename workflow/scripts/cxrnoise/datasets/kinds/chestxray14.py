"""The metadata of ChestXRay14, in the layout of its releases."""

import difflib
import logging
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.datasets import columns, tables, views

NO_FINDING = "No Finding"
FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Effusion",
    "Emphysema",
    "Fibrosis",
    "Hernia",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pleural_Thickening",
    "Pneumonia",
    "Pneumothorax",
)
NAMES = {
    "image": ("imageindex",),
    "patient": ("patientid",),
    "view": ("viewposition",),
    "Finding Labels": ("findinglabels",),
}
SPELLINGS = {columns.key(name): name for name in (*FINDINGS, NO_FINDING)}


def read(path: str | Path) -> pd.DataFrame:
    """Read a release's `Data_Entry_2017` CSV file, or one that a spreadsheet saved again.

    Parameters
    ----------
    path: see `tables.read`.

    Returns
    -------
    A frame of text with image, patient (without leading zeros), view, a column of "1" and "0" for
    each finding that occurs, and the other columns of the file by their own names.
    Raises `UserError` when a column is missing, or a finding is in no vocabulary and in no other
    row.
    """
    frame = columns.renamed(tables.read(path, split_header=True), path, list(NAMES), NAMES)
    for name in ("image", "patient", "Finding Labels"):
        columns.check(path, frame[name], frame[name] != "", "this cell must not be empty")
    frame["patient"] = columns.without_zeros(frame["patient"])
    frame["view"] = views.normalised(frame["view"])
    findings = _findings(path, frame.pop("Finding Labels"))
    frame = pd.concat([frame, findings], axis=1)
    return columns.in_order(frame, classes=list(findings))


def _findings(path: str | Path, cells: pd.Series) -> pd.DataFrame:
    """Make a column of each finding from cells such as `Cardiomegaly | Emphysema`."""
    codes, combinations = pd.factorize(cells)
    named = [_names(cell) for cell in combinations]
    rows = Counter()
    for names, number in zip(named, np.bincount(codes), strict=True):
        rows.update(dict.fromkeys(names, int(number)))
    found: dict[str, str] = {}
    for names in named:
        for key, name in names.items():
            found.setdefault(key, SPELLINGS.get(key, name))
    for key in found.keys() - SPELLINGS.keys():
        if rows[key] == 1:
            raise _unknown(path, cells, key, found[key])
        logging.warning(
            "%s: %r, in %d rows, is no finding of the release; it is taken for one more.",
            path,
            found[key],
            rows[key],
        )
    made = {}
    for name, key in sorted((name, key) for key, name in found.items()):
        if name != NO_FINDING:
            has = pd.array(["1" if key in names else "0" for names in named], dtype=cells.dtype)
            made[name] = has.take(codes)
    return pd.DataFrame(made, index=cells.index)


def _names(cell: str) -> dict[str, str]:
    """Return the findings of a cell, by what is left of them without case and blanks."""
    names = (name.strip() for name in cell.split("|"))
    return {columns.key(name): name for name in names if name}


def _unknown(path: str | Path, cells: pd.Series, key: str, name: str) -> UserError:
    line = next(line for line, cell in cells.items() if key in _names(cell))
    near = difflib.get_close_matches(name, [*FINDINGS, NO_FINDING], n=1)
    hint = f"did you mean {near[0]}?" if near else f"it should be one of {', '.join(FINDINGS)}"
    return UserError(
        f"The metadata {path} has the finding {name!r} in line {line}, column Finding Labels, "
        f"which neither ChestXRay14 nor another row has: {hint}"
    )
