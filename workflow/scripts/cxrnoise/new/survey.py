"""A folder and a table looked at together, by the readers of the workflow itself."""

import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.datasets import columns, index, tables
from cxrnoise.datasets.kinds import chestxray14, padchest
from cxrnoise.datasets.registry import DATASETS
from cxrnoise.new import labels, roles
from cxrnoise.new.folder import Folder, look

OWN_LAYOUTS = {"chestxray14": chestxray14.NAMES, "padchest": padchest.NAMES}
WORKBOOKS = (".xlsx", ".xls", ".ods", ".numbers")


@dataclass(frozen=True)
class Survey:
    """What was found.

    kind: of the data set; metadata: the path of the table; roles: the columns of a table of one's
        own, else None; options: the keys of `table` that its reader needs.
    rows: of the table; columns: their names.
    table: a row an image that is there (of archives, that the table has): image, patient, view and
        the other columns.
    report: of `index.index`, what does not agree.
    labels: what is labelled, counted in `table`.
    said, warnings: what the readers have to say.
    """

    folder: Folder
    kind: str
    metadata: str
    roles: roles.Roles | None
    options: dict[str, str]
    rows: int
    columns: list[str]
    table: pd.DataFrame
    report: pd.DataFrame
    labels: labels.Labels
    said: list[str]
    warnings: list[str]

    @property
    def problems(self) -> Counter:
        """The number of images with each kind of problem of `report`."""
        kinds = self.report["problem"].str.replace(":.*", "", regex=True)
        return Counter(kinds[~pd.concat([self.report["image"], kinds], axis=1).duplicated()])


def survey(images: str | Path, metadata: str | Path, given: Mapping[str, str]) -> Survey:
    """Look at a folder of images and a table.

    Parameters
    ----------
    given: names of columns that the user gave, or "": `image`, `patient`, and `only`, those of the
        labels, separated by commas.

    Raises `UserError` when something is missing or cannot be decided.
    """
    folder = look(images)
    _check_table(metadata)
    with _told() as records:
        raw = tables.read(metadata, split_header=True)
        kind = _kind(raw)
        found = None
        if kind == "table":
            records.clear()
            raw = tables.read(metadata)
            found = roles.find(raw, metadata, folder, given)
            _check_filled(raw, metadata, found)
        said = [record.getMessage() for record in records]
        options = found.options(raw) if found else {}
        entries = DATASETS[kind].read(metadata, **options)
        table, report = _matched(entries, folder)
    _check_fit(table, report, folder)
    _check_some(table, report, metadata, folder)
    names = [name.strip() for name in given.get("only", "").split(",") if name.strip()]
    return Survey(
        folder=folder,
        kind=kind,
        metadata=str(metadata),
        roles=found,
        options=options,
        rows=len(raw),
        columns=list(raw),
        table=table,
        report=report,
        labels=labels.find(table, metadata, entries.attrs.get("classes", []), names),
        said=said,
        warnings=[one.getMessage() for one in records if one.levelno >= logging.WARNING],
    )


def _check_table(metadata: str | Path) -> None:
    if not Path(metadata).is_file():
        raise UserError(f"There is no file {metadata}: give the table of labels as LABELS=FILE.")
    if Path(metadata).suffix.lower() in WORKBOOKS:
        raise UserError(
            f"{metadata} is a workbook: open it in the spreadsheet program, save the sheet as CSV "
            "(“CSV UTF-8” in Excel's list; commas or semicolons are both read), and give that file "
            "as LABELS."
        )


def _kind(table: pd.DataFrame) -> str:
    """Return the kind of data set whose own columns a table has, else `table`."""
    there = {columns.key(name) for name in table}
    for kind, names in OWN_LAYOUTS.items():
        if all(there.intersection(spellings) for spellings in names.values()):
            return kind
    return "table"


def _check_filled(table: pd.DataFrame, metadata: str | Path, found: roles.Roles) -> None:
    """Raise `UserError` where a row names no image or no patient."""
    for role in ("image", "patient"):
        column = getattr(found, role)
        empty = table.index[table[column] == ""] if column else []
        if len(empty):
            raise UserError(
                f"{len(empty)} of the {len(table)} rows of {metadata} name no {role}, the first is "
                f"line {empty[0]}: fill in the column {column!r}, or delete these rows."
            )


def _matched(entries: pd.DataFrame, folder: Folder) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the images that are there, as the index will have them, and its report."""
    if folder.archives:
        return entries.reset_index(drop=True), pd.DataFrame(columns=["image", "problem", "where"])
    table, report = index.index(entries, folder.files, [], 1)
    return table.drop(columns=[*index.PLACES, "sha256"]), report


def _check_fit(table: pd.DataFrame, report: pd.DataFrame, folder: Folder) -> None:
    """Raise `UserError` where all files that were opened are damaged or no frontal chests."""
    unfit = [one for one in folder.opened if one.problem]
    none_fits = set(folder.formats) == {"DICOM"} and len(unfit) == len(folder.opened)
    others = report["problem"].isin(["missing", "doubled"])
    if none_fits or (table.empty and not others.any()):
        raise UserError(
            f"The images in {folder.path} cannot be used: {unfit[0].file} is {unfit[0].problem}, "
            "and so on; give a folder of frontal chest radiographs as IMAGES."
        )


def _check_some(
    table: pd.DataFrame, report: pd.DataFrame, metadata: str | Path, folder: Folder
) -> None:
    """Raise `UserError` where no image of the table is in the folder."""
    if len(table):
        return
    doubled = report["problem"] == "doubled"
    if doubled.any():
        raise UserError(
            f"Every image of {metadata} is there several times, such as "
            f"{report.loc[doubled, 'image'].iloc[0]}: make a table with one row an image and a "
            "column for each finding."
        )
    first = report[report["problem"] == "missing"].iloc[0]
    near = re.sub(index.NEAR, "", first["where"])
    there = f"a file is called {near}"
    if near == first["where"]:
        there = f"the files are called {folder.files['file'].iloc[0]} and so on"
    raise UserError(
        f"No image of {metadata} is in {folder.path}: the table has {first['image']}, and {there}; "
        "write the names in the table as the files have them, or give another folder as IMAGES."
    )


@contextmanager
def _told() -> Iterator[list[logging.LogRecord]]:
    """Collect what the readers log, in place of printing it."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append
    log = logging.getLogger()
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield records
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
