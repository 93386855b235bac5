"""A table of one's own: a row an image, with the names of columns as people have them."""

import logging
from pathlib import Path

import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.datasets import columns, tables, views

# CheXpert has no column for the patient, but a folder: train/patient00001/study1/view1.jpg.
PATIENT_FOLDER = r"(?i)(?:^|/)(patient[^/]*)/"


def read(
    path: str | Path,
    image: str | None = None,
    patient: str | None = None,
    view: str | None = None,
    suffix: str | None = None,
) -> pd.DataFrame:
    """Read a table that has a column for the image and for the patient, and any others.

    See `columns.NAMES` for how these columns may be called. Without a column for the view it is
    empty; the index then takes what the file says, or PA.

    Parameters
    ----------
    path: see `tables.read`.
    image, patient, view: names of these columns, where they are not the usual ones.
    suffix: what is added to each image that does not end in it.

    Returns
    -------
    A frame of text with image, patient, view and every other column by its own name.
    Raises `UserError` when a column is missing or an image has no name or no patient.
    """
    given = {"image": image, "patient": patient, "view": view}
    frame = columns.renamed(tables.read(path), path, ["image"], given=given)
    columns.check(path, frame["image"], frame["image"] != "", "every row names its image")
    frame["image"] = _with_slashes(frame["image"])
    if suffix:
        whole = frame["image"].str.endswith(suffix)
        frame["image"] = frame["image"].where(whole, frame["image"] + suffix)
    if "patient" not in frame:
        frame.insert(1, "patient", _patients_of_folders(path, frame["image"]))
    columns.check(path, frame["patient"], frame["patient"] != "", "every row names its patient")
    frame["patient"] = columns.with_one_spelling(frame["patient"])
    frame["view"] = views.normalised(frame["view"]) if "view" in frame else ""
    return columns.in_order(frame, classes=[])


def _with_slashes(images: pd.Series) -> pd.Series:
    """Write paths of Windows as others, and drop a leading `./` or `/`."""
    return images.str.replace("\\", "/", regex=False).str.replace(r"^(?:\./|/)+", "", regex=True)


def _patients_of_folders(path: str | Path, images: pd.Series) -> pd.Series:
    folders = images.str.extract(PATIENT_FOLDER, expand=False)
    if folders.isna().any():
        raise UserError(
            f"The metadata {path} has no column for the patient: add a column 'patient', for the "
            "images of a patient must be in one split."
        )
    logging.info("%s: the patient is the folder in the path, such as %s.", path, folders.iloc[0])
    return folders
