"""The folder of images: what lies there. Of DICOM files a few are opened."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from cxrnoise.core.errors import Truncated, Unreadable, UserError
from cxrnoise.core.manifests import SCHEMAS
from cxrnoise.datasets import folders
from cxrnoise.images import radiographs

OPENED = 30  # DICOM files, spread evenly over the folder
DICOMS = (".dcm", ".dicom")
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"} | dict.fromkeys(DICOMS, "DICOM")


@dataclass(frozen=True)
class Opened:
    """A DICOM file that was opened.

    problem: "" or as in the manifest `listing`; view: PA, AP or "" where the header does not say;
    patient: the Patient ID of the header, which is compared with the table and told to nobody.
    """

    file: str
    problem: str
    view: str = ""
    patient: str = ""


@dataclass(frozen=True)
class Folder:
    """What lies in the folder of images.

    files: the manifest `listing`, without what a file that was not opened would say.
    archives: names of archives; what is in them is not listed, for that takes minutes.
    others: names of files that are no images.
    """

    path: str
    files: pd.DataFrame
    archives: list[str]
    others: list[str]
    opened: list[Opened]

    @property
    def formats(self) -> Counter:
        """The number of files of each format, the most frequent first."""
        suffixes = self.files["file"].str.lower().str.extract(r"(\.[^./]*)$", expand=False)
        return Counter(suffixes.map(FORMATS))


def look(images: str | Path) -> Folder:
    """List the images as the workflow will, and open some of the DICOM files.

    Raises `UserError` where there is no image.
    """
    if not Path(images).is_dir():
        raise UserError(
            f"There is no folder {images}: give the folder of the radiographs as IMAGES=FOLDER."
        )
    try:
        sources = folders.sources(images)
    except UserError:
        _check_suffixes(images)
        raise
    archives = [PurePosixPath(path).name for path in sources.values() if folders.is_archive(path)]
    rows, others = [], []
    for source, path in sources.items():
        if not folders.is_archive(path):
            found, passed_over = folders.names(path, images)
            rows += [(file, source, where, 0, "", 0, 0, "", "", "") for file, where in found]
            others += passed_over
    files = pd.DataFrame(rows, columns=SCHEMAS["listing"].names)
    if files.empty and not archives:
        _check_suffixes(images)
        raise UserError(f"No image was found in {images} and the folders below it.")
    opened = [_opened(files.iloc[row]) for row in _spread(files)]
    by_file = {one.file: one for one in opened}
    for column in ("view", "problem"):
        said = {file: getattr(one, column) for file, one in by_file.items()}
        files[column] = [said.get(file, "") for file in files["file"]]
    return Folder(
        str(images), files, [PurePosixPath(path).name for path in archives], others, opened
    )


def _check_suffixes(images: str | Path) -> None:
    """Raise `UserError` where there are DICOM files whose names have no suffix."""
    there = [path for path in Path(images).rglob("*") if path.is_file() and not path.suffix]
    bare = [path for path in there if _is_dicom(path)]
    if bare:
        raise UserError(
            f"The {len(bare)} DICOM files in {images}, such as {bare[0].name}, have no suffix: "
            f"add .dcm to their names, with: find '{images}' -type f ! -name '*.*' -exec mv {{}} "
            "{}.dcm ';'"
        )


def _is_dicom(path: Path) -> bool:
    start = radiographs.DICOM_PREAMBLE
    with path.open("rb") as file:
        return file.read(start + 4)[start:] == radiographs.DICOM_SIGNATURE


def _spread(files: pd.DataFrame) -> np.ndarray:
    """Return the rows of the DICOM files to open."""
    rows = np.flatnonzero(files["file"].str.lower().str.endswith(DICOMS))
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(OPENED, len(rows))).astype(int))]


def _opened(row: pd.Series) -> Opened:
    from cxrnoise.images import dicom

    try:
        file = dicom.read(radiographs.read_file(row["path"]))
        described = dicom.describe(file)
    except Truncated:
        return Opened(row["file"], "truncated")
    except Unreadable as error:
        return Opened(row["file"], f"unreadable: {error}")
    problem = f"left out: {described.left_out}" if described.left_out else ""
    return Opened(row["file"], problem, described.view, str(file.get("PatientID") or "").strip())
