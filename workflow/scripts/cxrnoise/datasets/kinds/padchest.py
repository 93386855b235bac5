"""PadChest (Bustos et al., Medical Image Analysis 2020): the metadata as its CSV file has them."""

import ast
import logging
from pathlib import Path

import pandas as pd

from cxrnoise.datasets import columns, tables, views

NAMES = {
    "image": ("imageid",),
    "patient": ("patientid",),
    "view": ("projection",),
    "Labels": ("labels",),
}
NORMAL = "normal"
REPORT = "Report"


def read(path: str | Path) -> pd.DataFrame:
    """Read `PADCHEST_chest_x_ray_images_labels_*.csv`, plain or gzipped.

    Returns
    -------
    A frame of text with image, patient, view, a column of "1" and "0" for each finding that occurs
    (`normal` is none), and the other columns of the file but the text of the reports.
    Raises `UserError` when a column is missing or a cell of Labels is no list.
    """
    frame = columns.renamed(tables.read(path), path, list(NAMES), NAMES)
    for name in ("image", "patient"):
        columns.check(path, frame[name], frame[name] != "", "this cell must not be empty")
    frame["view"] = views.normalised(frame["view"])
    findings = _findings(path, frame.pop("Labels"))
    if REPORT in frame:
        logging.info("%s: the column %s is left out, for reports may name people.", path, REPORT)
    others = frame.drop(columns=[REPORT, *findings], errors="ignore")
    return columns.in_order(pd.concat([others, findings], axis=1), classes=list(findings))


def _findings(path: str | Path, cells: pd.Series) -> pd.DataFrame:
    """Make a column of each finding from cells such as `['nodule', 'pleural effusion']`."""
    listed = cells.map({cell: _names(cell) for cell in cells.unique()})
    columns.check(path, cells, listed.notna(), "it must be a list such as ['nodule']")
    rows = listed.explode()
    present = pd.crosstab(rows.index, rows).reindex(cells.index, fill_value=0) > 0
    return present.drop(columns=NORMAL, errors="ignore").replace({True: "1", False: "0"})


def _names(cell: str) -> list[str] | None:
    """Return the findings of a cell, None for what is no list of texts."""
    try:
        names = ast.literal_eval(cell or "[]")
    except (ValueError, SyntaxError):
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    return sorted({name.strip() for name in names} - {""})
