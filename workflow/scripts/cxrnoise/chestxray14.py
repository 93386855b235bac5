"""ChestXRay14 or another data set on disk: folders, archives, and whether the metadata agree."""

import gzip
import hashlib
import logging
import os
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np
import pandas as pd

from . import manifests, radiographs
from .errors import UserError
from .files import replacing
from .metadata import LONGEST_NAME, name_problem
from .metadata import read as metadata
from .radiographs import LARGEST_FILE
from .spreadsheets import escaped

PROBLEMS = ("missing", "doubled", "truncated", "unreadable")
ARCHIVE = ".tar.gz"
PADDING = 2**22  # bytes between the members of an archive, or after the last, at most

REMEDIES = {
    "missing": "get the file and put it among the images, or raise tolerated.missing",
    "doubled": "keep one of them and remove the other, or raise tolerated.doubled",
    "truncated": "get the file again, or raise tolerated.truncated",
    "unreadable": "get the file again, or raise tolerated.unreadable",
    "unlisted": "nothing: the metadata does not know it, so it is not used",
}

Keep = Callable[[str, bytes], None]
Read = Callable[[], bytes]


def sources(images: str | Path) -> dict[str, str]:
    """Find where the images are: each `*.tar.gz`, else each folder `images_*`, else `images`.

    Returns
    -------
    Path of each folder or archive by its name, in the order of the names.
    Raises `UserError` when there are no images.
    """
    images = Path(images)
    try:
        with os.scandir(images) as entries:
            found = list(entries)
    except OSError as error:
        raise UserError(
            f"The images folder {images} cannot be read ({error.strerror}): "
            "set `images` to the folder with the radiographs."
        ) from error
    archives = sorted(entry.name for entry in found if entry.name.endswith(ARCHIVE))
    if archives:
        return {name.removesuffix(ARCHIVE): str(images / name) for name in archives}
    names = sorted(entry.name for entry in found if entry.name.startswith("images"))
    folders = {name: _innermost(images / name) for name in names if (images / name).is_dir()}
    filled = {name: str(folder) for name, folder in folders.items() if _has_images(folder)}
    if filled:
        return filled
    if any(_is_image(entry.name) for entry in found):
        return {"images": str(images)}
    raise UserError(
        f"No images found in {images}: it should hold PNG, JPEG or DICOM files "
        f"({', '.join(radiographs.SUFFIXES)}), folders images_001, images_002, … with such files, "
        f"or archives images_01{ARCHIVE}, images_02{ARCHIVE}, …"
    )


def is_archive(path: str | Path) -> bool:
    """Whether a source is an archive, else it is a folder."""
    return str(path).endswith(ARCHIVE)


def listing(source: str, path: str | Path, keep: Keep | None = None) -> pd.DataFrame:
    """Read every image of a folder or archive once and say whether it is whole.

    Parameters
    ----------
    source: name of the folder or archive in `sources`.
    path: the folder, or the archive, which is read in one streaming pass.
    keep: called with (file name, bytes) of each whole image; may raise `Unreadable`.

    Returns
    -------
    The manifest `listing`; `problem` is "", "truncated" or "unreadable: …".
    Raises `UserError` when an archive is damaged, has a member that points outside, is a link in
    place of an image, or unpacks to more than `LARGEST_FILE` bytes; or a file's name has a control
    character.
    """
    rows = []
    for where, read in _members(path) if is_archive(path) else _files(path):
        rows.append(_describe(where, read, keep))
        if len(rows) % 5000 == 0:
            logging.info("%s: %d images read", source, len(rows))
    logging.info("%s: %d images", source, len(rows))
    frame = pd.DataFrame(rows, columns=manifests.SCHEMAS["listing"].names).assign(source=source)
    return frame.sort_values(["image", "path"], ignore_index=True)


def pa_images(frame: pd.DataFrame) -> np.ndarray:
    """Return the names of the PA images of `metadata`, sorted, each once."""
    return np.unique(frame.loc[frame["view"] == "PA", "image"].to_numpy(str))


def count_pa(path: str | Path) -> int:
    """Return the number of PA images in the metadata file."""
    return len(pa_images(metadata(path)))


def index(
    entries: pd.DataFrame, listings: Iterable[pd.DataFrame], images_per_shard: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bring files and metadata together.

    The shard of an image depends on the metadata alone, so that an image more or less
    moves no other image to another shard.

    Parameters
    ----------
    entries: what `metadata` returns.
    listings: what `listing` returns, for every source.

    Returns
    -------
    The manifest `index`, with the good images, and the report, with image, problem, where,
    what_to_do of the others.
    """
    files = pd.concat(listings, ignore_index=True)
    report = _report(entries, files)
    shards = _shards(entries, images_per_shard)
    good = entries[~entries["image"].isin(report["image"])].merge(files, on="image")
    good = good.sort_values("image", ignore_index=True)
    good["shard"] = good["image"].map(shards).fillna(-1).astype(np.int32)
    good["row"] = good.groupby("shard").cumcount().where(good["shard"] >= 0, -1)
    return good[manifests.SCHEMAS["index"].names], report


def check(report: pd.DataFrame, tolerated: dict[str, int], path: str | Path) -> None:
    """Raise `UserError` when the report, written to `path`, has more than `tolerated` allows."""
    found = report.assign(kind=_kinds(report)).drop_duplicates(["image", "kind"])
    counts = found["kind"].value_counts()
    beyond = [kind for kind in PROBLEMS if counts.get(kind, 0) > tolerated[kind]]
    if beyond:
        numbers = ", ".join(
            f"{counts[kind]} {kind} ({tolerated[kind]} tolerated)" for kind in beyond
        )
        names = found.loc[found["kind"].isin(beyond), "image"]
        more = ", …" if len(names) > 3 else ""
        raise UserError(
            f"Images and metadata do not agree: {numbers}, namely {', '.join(names[:3])}{more}: "
            f"{path} lists each with what to do."
        )


def originals(wanted: pd.DataFrame, sources: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """Yield (image, bytes of its file) of the rows `wanted` of the manifest `index`.

    Each archive that holds one of them is read once, as a stream, up to the last of them.

    Parameters
    ----------
    sources: path of each folder or archive by its name, as `sources` returns it.

    Raises `UserError` when a file is no longer there.
    """
    for source, rows in wanted.groupby("source", sort=True):
        images = dict(zip(rows["path"], rows["image"], strict=True))
        path = sources[source]
        for where, read in _members(path) if is_archive(path) else _at(images):
            if where in images:
                yield images.pop(where), read()
                if not images:
                    break
        if images:
            raise UserError(
                f"{path} no longer holds {next(iter(images.values()))}: put it back, or delete "
                "images/index.parquet in the results folder and run again."
            )


def digest(frame: pd.DataFrame) -> str:
    """Return the sha256 of a table's content, in hex."""
    return hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()


def write_report(report: pd.DataFrame, path: str | Path) -> None:
    """Write the report as CSV, in which no cell is a formula to a spreadsheet."""
    with replacing(path) as temporary:
        report.map(escaped).to_csv(temporary, index=False)


def _is_image(name: str) -> bool:
    return name.lower().endswith(radiographs.SUFFIXES) and not name.startswith(".")


def _innermost(folder: Path) -> Path:
    return folder / "images" if (folder / "images").is_dir() else folder


def _has_images(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(_is_image(entry.name) for entry in entries)


def _files(folder: str | Path) -> Iterator[tuple[str, Read]]:
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if _is_image(entry.name))
    for name in names:
        if name_problem(name):
            raise UserError(
                f"The folder {folder} has the file {name!r}, whose name has {name_problem(name)}: "
                "rename it."
            )
        path = str(Path(folder, name))
        yield path, partial(radiographs.read_file, path)


def _at(paths: Iterable[str]) -> Iterator[tuple[str, Read]]:
    for path in sorted(paths):
        if os.path.isfile(path):
            yield path, partial(radiographs.read_file, path)


class _Bounded:
    """A stream of which at most `left` more bytes are read, whatever it would unpack to.

    Bytes beyond its end count too, for some headers make tarfile ask for them for ever.
    """

    def __init__(self, stream: BinaryIO):
        self._stream = stream
        self.left, self.after = 0, "its beginning"

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self.left -= len(data) or size
        if self.left < 0:
            raise tarfile.ReadError(f"too many bytes, or too few, after {self.after}")
        return data


def _members(archive: str | Path) -> Iterator[tuple[str, Read]]:
    try:
        with gzip.open(archive) as unpacked:
            stream = _Bounded(unpacked)
            stream.left = LARGEST_FILE + PADDING
            with tarfile.open(fileobj=stream, mode="r|", bufsize=2**20) as members:
                while member := members.next():
                    members.members.clear()  # which would keep them all
                    _check_member(archive, member)
                    stream.left, stream.after = LARGEST_FILE + PADDING, repr(member.name)
                    if member.isfile() and _is_image(PurePosixPath(member.name).name):
                        yield member.name, BytesIO(members.extractfile(member).read()).read
                stream.left, stream.after = PADDING, "its end"
                while piece := members.fileobj.read(2**20):  # to where gzip keeps its checksum
                    if piece.strip(b"\0"):
                        raise tarfile.ReadError("more data after its end")
    except (EOFError, gzip.BadGzipFile, tarfile.TarError, ValueError, zlib.error) as error:
        raise UserError(
            f"The archive {archive} is truncated or damaged ({error}): download it again."
        ) from error


def _check_member(archive: str | Path, member: tarfile.TarInfo) -> None:
    """Raise `UserError` for what no honest archive of images holds; nothing is ever extracted."""
    path, fault = PurePosixPath(member.name), ""
    if path.is_absolute() or ".." in path.parts:
        fault = "which points outside"
    elif _is_image(path.name) and not member.isdir():
        if not member.isfile():
            fault = "which is a link or a device and no file"
        elif member.size > LARGEST_FILE:
            fault = f"of {member.size} bytes, where {LARGEST_FILE} are accepted"
        else:
            problem = next(filter(None, map(name_problem, path.parts)), "")
            fault = problem and f"whose name has {problem}"
    if fault:
        raise UserError(
            f"The archive {archive} has the member {member.name[:LONGEST_NAME]!r}, {fault}: "
            "if you trust where it is from, pack its images anew, as plain files "
            "(`tar --create --gzip --dereference --hard-dereference`)."
        )


def _describe(where: str, read: Read, keep: Keep | None) -> dict:
    row = {"image": PurePosixPath(where).name, "path": where, "bytes": 0}
    row |= {"width": 0, "height": 0, "problem": ""}
    try:
        data = read()
        row["bytes"] = len(data)
        row["width"], row["height"] = radiographs.dimensions(data)
        if keep:
            keep(row["image"], data)
    except radiographs.Truncated:
        row["problem"] = "truncated"
    except radiographs.Unreadable as error:
        row["problem"] = f"unreadable: {error}"
    except OSError as error:
        if error.filename is None:
            raise
        row["problem"] = f"unreadable: {error.strerror}"
    return row


def _report(entries: pd.DataFrame, files: pd.DataFrame) -> pd.DataFrame:
    known = files["image"].isin(entries["image"])
    lines = entries[["image"]].assign(
        source="metadata", path="line " + (entries.index + 2).astype(str)
    )
    parts = [
        lines[~lines["image"].isin(files["image"])].assign(problem="missing"),
        lines[lines["image"].duplicated(keep=False)].assign(problem="doubled"),
        files[known & files["image"].duplicated(keep=False)].assign(problem="doubled"),
        files[known & (files["problem"] != "")],
        files[~known].assign(problem="unlisted"),
    ]
    report = pd.concat(parts, ignore_index=True)
    report["where"] = report["source"] + ": " + report["path"]
    report["what_to_do"] = _kinds(report).map(REMEDIES)
    return report[["image", "problem", "where", "what_to_do"]]


def _kinds(report: pd.DataFrame) -> pd.Series:
    return report["problem"].str.split(":").str[0]


def _shards(entries: pd.DataFrame, images_per_shard: int) -> pd.Series:
    names = pa_images(entries)
    return pd.Series(np.arange(len(names)) // images_per_shard, index=names)
