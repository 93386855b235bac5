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

import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.files import replacing
from cxrnoise.core.manifests import SCHEMAS
from cxrnoise.core.ondisk import Names, Query, Tables, rows
from cxrnoise.core.spreadsheets import escaped
from cxrnoise.datasets.metadata import COLUMNS, LONGEST_NAME, name_problem
from cxrnoise.datasets.metadata import read as metadata
from cxrnoise.images import radiographs
from cxrnoise.images.radiographs import LARGEST_FILE

PROBLEMS = ("missing", "doubled", "truncated", "unreadable")
ARCHIVE = ".tar.gz"
PADDING = 2**22  # bytes of headers between the members of an archive, or after the last, at most
COUNTED = "CXRNOISE_COUNTED"  # the variable in which a run tells its jobs what `count_pa` found

REMEDIES = {
    "missing": "get the file and put it among the images, or raise tolerated.missing",
    "doubled": "keep one of them and remove the other, or raise tolerated.doubled",
    "truncated": "get the file again, or raise tolerated.truncated",
    "unreadable": "get the file again, or raise tolerated.unreadable",
    "unlisted": "nothing: the metadata does not know it, so it is not used",
}

# The columns of a line of the metadata and of a file, and how they come together: all that is
# wrong; the rank of each PA image of the metadata, which tells its shard; among the good ones,
# its row in the shard.
ENTRY = (*COLUMNS, "line")
FILE = tuple(SCHEMAS["listing"].names)
REPORT = """
CREATE TABLE report AS
SELECT 1 AS part, line AS number, image, 'missing' AS problem, 'metadata: line ' || line AS "where"
FROM entries WHERE image NOT IN (SELECT image FROM files)
UNION ALL
SELECT 2, line, image, 'doubled', 'metadata: line ' || line
FROM entries WHERE image IN (SELECT image FROM entries GROUP BY image HAVING count(*) > 1)
UNION ALL
SELECT 3, rowid, image, 'doubled', source || ': ' || path
FROM files WHERE image IN (SELECT image FROM files GROUP BY image HAVING count(*) > 1)
AND image IN (SELECT image FROM entries)
UNION ALL
SELECT 4, rowid, image, problem, source || ': ' || path
FROM files WHERE problem <> '' AND image IN (SELECT image FROM entries)
UNION ALL
SELECT 5, rowid, image, 'unlisted', source || ': ' || path
FROM files WHERE image NOT IN (SELECT image FROM entries)
"""
RANKS = """
CREATE TABLE ranks AS
SELECT image, (row_number() OVER (ORDER BY image) - 1) / ? AS shard
FROM (SELECT DISTINCT image FROM entries WHERE view = 'PA')
"""
PLACES = """
CREATE TABLE places AS
SELECT image, shard, row_number() OVER (PARTITION BY shard ORDER BY image) - 1 AS row
FROM ranks WHERE image NOT IN (SELECT image FROM report)
"""
INDEX = """
SELECT image, patient, view, findings, source, path, bytes, width, height,
    ifnull(shard, -1) AS shard, ifnull(row, -1) AS row
FROM entries JOIN files USING (image) LEFT JOIN places USING (image)
WHERE image NOT IN (SELECT image FROM report) ORDER BY image
"""

# What gzip and tarfile raise; the latter recurses from a header to the header that it is about.
_DAMAGED = (OSError, EOFError, RecursionError, tarfile.TarError, ValueError, zlib.error)

Keep = Callable[[str, bytes], None]
Read = Callable[[], bytes]


def sources(images: str | Path) -> dict[str, str]:
    """Find where the images are: each `*.tar.gz`, else each folder `images_*`, else `images`.

    Returns
    -------
    Path of each folder or archive by its name, in the order of the names.
    Raises `UserError` when there are no images, or a folder or archive cannot have its name.
    """
    images = Path(images)
    try:
        archives, folders, has_images = _scanned(images)
        innermost = {name: _innermost(images / name) for name in folders}
        filled = {name: folder for name, folder in innermost.items() if _has_images(folder)}
    except OSError as error:
        raise UserError(
            f"The images folder {error.filename} cannot be read ({error.strerror}): "
            "set `images` to the folder with the radiographs."
        ) from error
    found = {name: images / name for name in archives} or filled
    for name in found:
        if problem := name_problem(name) or ("braces" if set(name) & set("{}") else ""):
            raise UserError(f"The images folder {images} has {name!r} with {problem}: rename it.")
    if found:
        return {name.removesuffix(ARCHIVE): str(path) for name, path in found.items()}
    if has_images:
        return {"images": str(images)}
    raise UserError(
        f"No images found in {images}: it should hold PNG, JPEG or DICOM files "
        f"({', '.join(radiographs.SUFFIXES)}), folders images_001, images_002, … with such files, "
        f"or archives images_01{ARCHIVE}, images_02{ARCHIVE}, …"
    )


def is_archive(path: str | Path) -> bool:
    """Whether a source is an archive, else it is a folder."""
    return str(path).endswith(ARCHIVE)


def listing(source: str, path: str | Path, keep: Keep | None = None) -> Query:
    """Read every image of a folder or archive once and say whether it is whole.

    Parameters
    ----------
    source: name of the folder or archive in `sources`.
    path: the folder, or the archive, which is read in one streaming pass.
    keep: called with (file name, bytes) of each whole image; may raise `Unreadable`.

    Returns
    -------
    The manifest `listing` in frames, by image and path; `problem` is "", "truncated" or
    "unreadable: …".
    Raises `UserError` when an archive is damaged, has a member that points outside, is a link in
    place of an image, or unpacks to more than `LARGEST_FILE` bytes; or a file's name has a control
    character.
    """
    tables = Tables()
    tables.insert("files", FILE, _described(source, path, keep))
    return tables.select("SELECT * FROM files ORDER BY image, path")


def pa_images(entries: Iterable[pd.DataFrame]) -> Names:
    """Return the names of the PA images of `metadata`, sorted, each once."""
    return Names(image for frame in entries for image in frame.loc[frame["view"] == "PA", "image"])


def count_pa(path: str | Path) -> int:
    """Return the number of PA images in the metadata file.

    Every job of a run asks again. It finds the answer for the file as it is in its environment.
    """
    file = os.stat(path) if os.path.exists(path) else None
    version = f"{path} {file and (file.st_size, file.st_mtime_ns)} "
    known = os.environ.get(COUNTED, "")
    if not known.startswith(version):
        known = os.environ[COUNTED] = f"{version}{len(pa_images(metadata(path)))}"
    return int(known.removeprefix(version))


def index(
    entries: Iterable[pd.DataFrame], listings: Iterable[pd.DataFrame], images_per_shard: int
) -> tuple[Query, pd.DataFrame]:
    """Bring files and metadata together.

    The shard of an image depends on the metadata alone, so that an image more or less
    moves no other image to another shard.

    Parameters
    ----------
    entries: what `metadata` returns.
    listings: the frames of every `listing`.

    Returns
    -------
    The manifest `index` in frames, with the good images, and the report, with image, problem,
    where, what_to_do of the others.
    """
    tables = Tables()
    numbered = (frame.assign(line=frame.index + 2) for frame in entries)
    tables.insert("entries", ENTRY, rows(numbered, ENTRY))
    tables.insert("files", FILE, rows(listings, FILE))
    for table in ("entries", "files"):
        tables.run(f"CREATE INDEX {table}_by_image ON {table} (image)")
    tables.run(REPORT)
    tables.run(RANKS, images_per_shard)
    tables.run(PLACES)
    report = tables.select("SELECT * FROM report ORDER BY part, number").whole()
    report["what_to_do"] = _kinds(report).map(REMEDIES)
    return tables.select(INDEX), report[["image", "problem", "where", "what_to_do"]]


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

    Raises `UserError` when a file is no longer there, or cannot be read.
    """
    for source, part in wanted.groupby("source", sort=True):
        images = dict(zip(part["path"], part["image"], strict=True))
        path = sources[source]
        for where, read in _members(path) if is_archive(path) else _at(images):
            if where in images:
                image = images.pop(where)
                try:
                    data = read()
                except radiographs.Unreadable as error:
                    raise UserError(
                        f"Image {image} cannot be read ({error}), see {where}: put the file right "
                        "and run again."
                    ) from error
                yield image, data
                if not images:
                    break
        if images:
            raise UserError(
                f"{path} no longer holds {next(iter(images.values()))}: put it back, or delete "
                "images/index.parquet in the results folder and run again."
            )


def digest(frames: Iterable[pd.DataFrame]) -> str:
    """Return the sha256 of a table's content, in hex, however it is divided into frames."""
    content = hashlib.sha256()
    for number, frame in enumerate(frames):
        content.update(frame.to_csv(index=False, header=number == 0).encode())
    return content.hexdigest()


def write_report(report: pd.DataFrame, path: str | Path) -> None:
    """Write the report as CSV, in which no cell is a formula to a spreadsheet."""
    with replacing(path) as temporary:
        report.map(escaped).to_csv(temporary, index=False)


def _is_image(name: str) -> bool:
    return name.lower().endswith(radiographs.SUFFIXES) and not name.startswith(".")


def _scanned(folder: Path) -> tuple[list[str], list[str], bool]:
    """Return the archives and the folders of images by name, and whether there are images too."""
    archives, folders, has_images = [], [], False
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if is_archive(entry.name):
                archives.append(entry.name)
            elif entry.name.startswith("images") and entry.is_dir():
                folders.append(entry.name)
            has_images = has_images or _is_image(entry.name)
    return sorted(archives), sorted(folders), has_images


def _innermost(folder: Path) -> Path:
    return folder / "images" if (folder / "images").is_dir() else folder


def _has_images(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(_is_image(entry.name) for entry in entries)


def _files(folder: str | Path) -> Iterator[tuple[str, Read]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if _is_image(entry.name):
                if problem := name_problem(entry.name):
                    raise UserError(
                        f"The folder {folder} has the file {entry.name!r}, whose name has "
                        f"{problem}: rename it."
                    )
                yield entry.path, partial(radiographs.read_file, entry.path)


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
        if not os.path.isfile(archive):
            raise tarfile.ReadError("no regular file")
        with gzip.open(archive) as unpacked:
            stream = _Bounded(unpacked)
            stream.left = PADDING
            with tarfile.open(fileobj=stream, mode="r|", bufsize=2**20) as members:
                while member := members.next():
                    members.members.clear()  # which would keep them all
                    members.pax_headers.clear()
                    _check_member(archive, member)
                    stream.left = min(member.size, LARGEST_FILE) + PADDING
                    stream.after = repr(member.name)
                    if member.isfile() and _is_image(PurePosixPath(member.name).name):
                        yield member.name, BytesIO(members.extractfile(member).read()).read
                stream.left, stream.after = PADDING, "its end"
                while piece := members.fileobj.read(2**20):  # to where gzip keeps its checksum
                    if piece.strip(b"\0"):
                        raise tarfile.ReadError("more data after its end")
    except _DAMAGED as error:
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


def _described(source: str, path: str | Path, keep: Keep | None) -> Iterator[tuple]:
    number = 0
    for where, read in _members(path) if is_archive(path) else _files(path):
        yield _describe(source, where, read, keep)
        number += 1
        if number % 5000 == 0:
            logging.info("%s: %d images read", source, number)
    logging.info("%s: %d images", source, number)


def _describe(source: str, where: str, read: Read, keep: Keep | None) -> tuple:
    row = {"image": PurePosixPath(where).name, "source": source, "path": where, "bytes": 0}
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
    return tuple(row[name] for name in FILE)


def _kinds(report: pd.DataFrame) -> pd.Series:
    return report["problem"].str.split(":").str[0]
