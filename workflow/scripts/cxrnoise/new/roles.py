"""Which column of a table is the image, the patient and the view, whatever its language.

The image is known by its cells: they are names of files of the folder. The patient is known by the
headers of some DICOM files, else by its name. The view is known by its cells.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.datasets import columns, views
from cxrnoise.datasets.kinds.table import PATIENT_FOLDER
from cxrnoise.new import words
from cxrnoise.new.folder import Folder

ROWS = 2000  # that are looked at to know a column, spread evenly over the table
LEAST_VIEWS = 0.5  # of the cells that are not empty are PA, AP or lateral
LEAST_HEADERS = 3  # DICOM files whose patient must be that of the table


@dataclass(frozen=True)
class Roles:
    """The columns; `patient` is None where a folder of the path is the patient.

    suffix: what is missing at the end of the names of images, or None.
    why: how each was known, by `image`, `patient` and `view`.
    """

    image: str
    patient: str | None
    view: str | None
    suffix: str | None
    why: dict[str, str]

    def options(self, table: pd.DataFrame) -> dict[str, str]:
        """Return the keys of `table` in the configuration, where the reader needs them."""
        found = {}
        for role in ("image", "patient", "view"):
            usual = _named(table, columns.NAMES[role])
            column = getattr(self, role)
            if column is not None and usual != [column]:
                found[role] = column
        return found | ({"suffix": self.suffix} if self.suffix else {})


def find(table: pd.DataFrame, path: str | Path, folder: Folder, given: Mapping[str, str]) -> Roles:
    """Find the columns.

    Parameters
    ----------
    table: of `tables.read`.
    given: the names of columns that the user gave, by `image` and `patient`; "" is none.

    Raises `UserError` when a column is not there, or two may be the same one.
    """
    given = {
        role: _given(table, path, role, given[role])
        for role in ("image", "patient")
        if given.get(role)
    }
    some = table.iloc[np.unique(np.linspace(0, len(table) - 1, ROWS).astype(int))]
    image, suffix, why_image = _image(some, path, folder, given.get("image"))
    patient, why_patient = _patient(table, path, folder, image, given.get("patient"))
    others = [name for name in table if name not in (image, patient)]
    view, why_view = _view(some[others])
    why = {"image": why_image, "patient": why_patient, "view": why_view}
    return Roles(image, patient, view, suffix, why)


def _given(table: pd.DataFrame, path: str | Path, role: str, name: str) -> str:
    found = columns.find(table, name)
    if found is None:
        raise UserError(
            f"{role.upper()}={name} is no column of {path}: its columns are {_listed(table)}."
        )
    return found


def _image(
    table: pd.DataFrame, path: str | Path, folder: Folder, given: str | None
) -> tuple[str, str | None, str]:
    """Return the column, the suffix that its names lack, and how it was known."""
    usual = _named(table, columns.NAMES["image"])
    if folder.files.empty:  # archives
        if given or len(usual) == 1:
            return given or usual[0], None, "given" if given else "by its name"
        raise UserError(
            f"No column of {path} is called image or the like, and what is in archives is not "
            f"listed: give IMAGE=COLUMN, one of {_listed(table)}."
        )
    files = folder.files["file"].str.replace("^.*/", "", regex=True)
    whole = set(files.str.casefold())
    stems = {name.rpartition(".")[0] for name in whole}
    shares = {}
    for name in [given] if given else table:
        cells = table[name].str.replace(r"^.*[\\/]", "", regex=True).str.casefold()
        distinct = cells.nunique() > len(cells) / 2  # or 0 and 1 would be 0.png and 1.png
        shares[name] = (cells.isin(whole).mean(), distinct * cells.isin(stems).mean())
    best = max(shares, key=lambda name: (max(shares[name]), name in usual))
    exact, without = shares[best]
    if max(exact, without) == 0 and not given and not usual:
        raise UserError(
            f"No column of {path} names the images: no cell is the name of a file in "
            f"{folder.path}, such as {files.iloc[0]}; the columns are {_listed(table)}."
        )
    suffix = _suffix(path, best, files) if without > exact else None
    return best, suffix, "given" if given else "its cells are names of files"


def _suffix(path: str | Path, column: str, files: pd.Series) -> str:
    found = files.str.extract(r"(\.[^.]*)$", expand=False).value_counts()
    if len(found) > 1:
        numbers = ", ".join(f"{number} {suffix}" for suffix, number in found.items())
        raise UserError(
            f"The column {column!r} of {path} names images without suffix, but the files have "
            f"several ({numbers}): write the names with it."
        )
    return found.index[0]


def _patient(
    table: pd.DataFrame, path: str | Path, folder: Folder, image: str, given: str | None
) -> tuple[str | None, str]:
    if given:
        return given, "given"
    others = [name for name in table if name != image]
    by_header = _by_headers(table, image, others, folder)
    usual = _named(table[others], columns.NAMES["patient"])
    named = usual + [name for name in others if name not in usual and words.is_patient(name)]
    candidates = by_header or named
    if not candidates:
        paths = table[image].str.replace("\\", "/", regex=False)
        if paths.str.extract(PATIENT_FOLDER, expand=False).notna().all():
            return None, "the folder in the path"
        raise UserError(
            f"No column of {path} is known to be the patient, and all images of a patient must be "
            f"in one split: give PATIENT=COLUMN, one of {_listed(others)}; where every image is of "
            f"another patient, give PATIENT={image!r}."
        )
    if len({_grouping(table[name]) for name in candidates}) > 1:
        raise UserError(
            f"{len(candidates)} columns of {path} may be the patient, {_listed(candidates)}, and "
            f"they do not agree: add one to the command, such as PATIENT={candidates[0]!r}."
        )
    return candidates[0], "as the DICOM headers have it" if by_header else "by its name"


def _by_headers(
    table: pd.DataFrame, image: str, others: Iterable[str], folder: Folder
) -> list[str]:
    """Return the columns that say of each opened file which patient its header names."""
    headers = {_stem(one.file): one.patient for one in folder.opened if one.patient}
    patients = table[image].map(_stem).map(headers).dropna()
    if len(patients) < LEAST_HEADERS or patients.nunique() < 2:
        return []
    patients = columns.without_zeros(patients)
    cells = table.loc[patients.index]
    return [name for name in others if (columns.without_zeros(cells[name]) == patients).all()]


def _stem(path: str) -> str:
    name = path.replace("\\", "/").rpartition("/")[2].casefold()
    return name.removesuffix(".dcm").removesuffix(".dicom")


def _grouping(column: pd.Series) -> bytes:
    """Return the same for two columns that divide the rows alike."""
    return pd.factorize(column)[0].tobytes()


def _view(table: pd.DataFrame) -> tuple[str | None, str]:
    usual = _named(table, columns.NAMES["view"])
    shares = {name: _share_of_views(table[name]) for name in table}
    found = [name for name in shares if shares[name] >= LEAST_VIEWS]
    if found:
        return max(found, key=lambda name: (name in usual, shares[name])), "by its cells"
    return (usual[0] if usual else None), "by its name"


def _share_of_views(column: pd.Series) -> float:
    filled = column[column != ""]
    known = filled.map({cell: views.normal(cell) in views.SPELLINGS for cell in filled.unique()})
    return float(known.mean()) if len(filled) else 0.0


def _named(table: Iterable[str], spellings: Iterable[str]) -> list[str]:
    return [name for name in table if columns.key(name) in spellings]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
