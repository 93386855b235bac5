"""Folders and archives of images: where they are, and whether each image is whole."""

import gzip
import hashlib
import logging
import os
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path, PurePosixPath

import pandas as pd

from cxrnoise.core.errors import Truncated, Unreadable, UserError
from cxrnoise.core.manifests import SCHEMAS
from cxrnoise.images import radiographs
from cxrnoise.images.description import Description

ARCHIVE = ".tar.gz"
WHOLE = "images"  # the name of the only source, where the folder itself is it
LOGGED_EVERY = 5000  # images
DAMAGED = (OSError, EOFError, ValueError, tarfile.TarError, zlib.error)

Keep = Callable[[str, bytes], None]
Read = Callable[[], bytes]


def sources(images: str | Path) -> dict[str, str]:
    """Find where the images are by listing `images`, and nothing below it.

    Precedence: archives `*.tar.gz`; where no image lies beside them, folders `images*`; else the
    folder itself, which is searched with all its folders.

    Returns
    -------
    Path of each archive or folder by its name, in the order of the names.
    Raises `UserError` when there is nothing like it, or a name that Snakemake cannot have.
    """
    images = Path(images)
    try:
        with os.scandir(images) as entries:
            found = [entry for entry in entries if not entry.name.startswith(".")]
            folders = [entry.name for entry in found if entry.is_dir()]
    except OSError as error:
        raise UserError(
            f"The images folder {images} cannot be read ({error.strerror}): "
            "set `images` to the folder with the radiographs."
        ) from error
    names = [entry.name for entry in found]
    loose = any(map(is_image, names))
    parts = sorted(name for name in names if is_archive(name))
    if not parts and not loose:
        parts = sorted(name for name in folders if name.startswith("images"))
    for name in parts:
        if set(name) & set("{}\n") or not _is_text(name):
            raise UserError(
                f"The images folder {images} has {name!r}, a name with braces, a line break or "
                "letters that are not UTF-8: rename it."
            )
    if parts:
        return {name.removesuffix(ARCHIVE): str(images / name) for name in parts}
    if folders or loose:
        return {WHOLE: str(images)}
    there = suffixes(names)
    raise UserError(
        f"No images found in {images}: it should hold PNG, JPEG or DICOM files "
        f"({', '.join(radiographs.SUFFIXES)}), folders with such files, or archives "
        f"images_01{ARCHIVE}, images_02{ARCHIVE}, …" + (f"; it holds {there}" if there else "")
    )


def is_archive(path: str | Path) -> bool:
    """Whether a source is an archive; otherwise it is a folder."""
    return str(path).endswith(ARCHIVE)


def is_image(name: str) -> bool:
    """Whether a file is an image by its name."""
    return name.lower().endswith(radiographs.SUFFIXES) and not name.startswith(".")


def listing(
    source: str, path: str | Path, images: str | Path, keep: Keep | None = None
) -> pd.DataFrame:
    """Read every image of a folder or archive once and say whether it is whole.

    Parameters
    ----------
    source, path: an item of `sources`. An archive is read in one pass.
    images: the folder of `sources`.
    keep: called with the path in `file` and the bytes of each whole image; may raise `Unreadable`.

    Returns
    -------
    The manifest `listing`, by file. `file` is the path below `images`, of an archive the path of
    the member; `view` is PA, AP or "" where the file does not say; `problem` is "", "truncated",
    "unreadable: …" or "left out: …"; `remark` is "" or what is odd about a good image.
    Raises `UserError` when an archive is damaged.
    """
    found = []
    passed_over: list[str] = []
    for file, where, read in _images(path, images, passed_over):
        found.append(_row(source, file, where, read, keep))
        if len(found) % LOGGED_EVERY == 0:
            logging.info("%s: %d images read", source, len(found))
    logging.info("%s: %d images", source, len(found))
    if passed_over:
        logging.info("%s: other files, not read: %s", source, suffixes(passed_over))
    frame = pd.DataFrame(found, columns=SCHEMAS["listing"].names)
    return frame.sort_values(["file", "path"], ignore_index=True)


def names(path: str | Path, images: str | Path) -> tuple[list[tuple[str, str]], list[str]]:
    """List the images of a folder without opening any, and the names of all other files.

    Returns
    -------
    `file` and `path` of each image, see `listing`, and the names of the other files.
    """
    passed_over: list[str] = []
    found = [(file, where) for file, where, _ in _images(path, images, passed_over)]
    return sorted(found), passed_over


def originals(wanted: pd.DataFrame, sources: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """Yield the name of each image and the bytes of its file.

    An archive is read up to the last image that is wanted of it.

    Parameters
    ----------
    wanted: image, source and path of the manifest `index`.
    sources: path of each folder or archive by its name.

    Raises `UserError` when a file is no longer there, or cannot be read.
    """
    for source, part in wanted.groupby("source", sort=True):
        images = dict(zip(part["path"], part["image"], strict=True))
        path = sources[source]
        files = _members(path, []) if is_archive(path) else _files(sorted(images))
        for _, where, read in files:
            if where in images:
                image = images.pop(where)
                try:
                    data = read()
                except Unreadable as error:
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


def _is_text(name: str) -> bool:
    """Whether the bytes of a file's name are UTF-8; Python keeps others as surrogates."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def suffixes(names: list[str]) -> str:
    """Return such as "12 .txt, 3 .zip"."""
    counted = Counter(PurePosixPath(name).suffix or "without suffix" for name in names)
    return ", ".join(f"{number} {suffix}" for suffix, number in counted.most_common(5))


def _images(
    path: str | Path, images: str | Path, passed_over: list[str]
) -> Iterator[tuple[str, str, Read]]:
    """Yield `file`, `path` and a function that reads it, of each image of a source."""
    if is_archive(path):
        yield from _members(path, passed_over)
        return
    for folder, _, names in os.walk(path, followlinks=True):
        if any(part.startswith(".") for part in Path(folder).relative_to(path).parts):
            continue
        passed_over += [name for name in names if not is_image(name)]
        paths = [os.path.join(folder, name) for name in names if is_image(name)]
        for _, where, read in _files(paths):
            yield Path(where).relative_to(images).as_posix(), where, read


def _files(paths: list[str]) -> Iterator[tuple[str, str, Read]]:
    for path in paths:
        yield path, path, lambda path=path: radiographs.read_file(path)


def _members(archive: str | Path, passed_over: list[str]) -> Iterator[tuple[str, str, Read]]:
    try:
        with gzip.open(archive) as unpacked, tarfile.open(fileobj=unpacked, mode="r|") as members:
            for member in members:
                name = PurePosixPath(member.name)
                if is_image(name.name) and not member.isdir():
                    yield str(name), member.name, _content(members, member)
                elif not member.isdir():
                    passed_over.append(name.name)
            while unpacked.read(2**20):  # gzip's checksum is at the end
                pass
    except DAMAGED as error:
        raise UserError(
            f"The archive {archive} is truncated or damaged ({error}): download it again."
        ) from error


def _content(members: tarfile.TarFile, member: tarfile.TarInfo) -> Read:
    """Read a member, and return a function that returns it, or raises `Unreadable`."""
    problem = ""
    if not member.isfile():
        problem = "a link in the archive and no file"
    elif member.size > radiographs.LARGEST_FILE:
        problem = f"{member.size} bytes, at most {radiographs.LARGEST_FILE} are accepted"
    if not problem:
        return BytesIO(members.extractfile(member).read()).read

    def refuse() -> bytes:
        raise Unreadable(problem)

    return refuse


def _row(source: str, file: str, path: str, read: Read, keep: Keep | None) -> tuple:
    """Return a row of the manifest `listing`."""
    size, sha256, problem = 0, "", ""
    described = Description(0, 0)
    try:
        if not _is_text(file):
            file, path = ascii(file)[1:-1], ascii(path)[1:-1]
            raise Unreadable("its name is not UTF-8, rename it")
        data = read()
        size, sha256 = len(data), hashlib.sha256(data).hexdigest()
        described = radiographs.describe(data)
        if described.left_out:
            problem = f"left out: {described.left_out}"
        elif keep:
            keep(path, data)
    except Truncated:
        problem = "truncated"
    except Unreadable as error:
        problem = f"unreadable: {error}"
    picture = (described.width, described.height, described.view)
    return file, source, path, size, sha256, *picture, problem, "; ".join(described.remarks)
