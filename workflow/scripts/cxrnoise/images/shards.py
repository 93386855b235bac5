"""Shards: HDF5 files of reduced radiographs, whose pixels are mapped into memory to be read."""

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cxrnoise.core.errors import UserError
from cxrnoise.core.files import replacing
from cxrnoise.core.spreadsheets import escaped
from cxrnoise.images import radiographs


def number_of(image: str, number: int) -> int:
    """Return the shard of an image, by its name alone, among `number` shards."""
    digest = hashlib.blake2b(image.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % number


def path_of(folder: str | Path, shard: int) -> Path:
    """Return the path of a shard, such as `007.h5`."""
    return Path(folder, f"{shard:03d}.h5")


class Writer:
    """Adds images to an HDF5 file, one after the other; see `writing`.

    `remarks` has what is odd about the pixels of an image, such as that all are dark.
    """

    def __init__(self, file: h5py.File, size: int, resampling: str, images: int | None):
        self.size, self.resampling = size, resampling
        self._file = file
        self._columns: dict[str, list[bytes]] = {"image": [], "sha256": [], "digest": []}
        self.remarks: dict[str, str] = {}
        layout = {}
        if images is None:
            layout = {"maxshape": (None, size, size), "chunks": (1, size, size)}
        self._pixels = file.create_dataset(
            "pixels", (images or 0, size, size), np.uint8, track_times=False, **layout
        )

    def add(self, image: str, data: bytes) -> None:
        """Reduce the image file `data` and add it under the name `image`; raises `Unreadable`."""
        pixels = radiographs.decode_resized(data, self.size, self.resampling)
        self.append(image, hashlib.sha256(data).hexdigest().encode(), pixels)

    def append(self, image: str, sha256: bytes, pixels: np.ndarray) -> None:
        """Add uint8 `pixels` (size, size) that come from a file with this sha256, in hex."""
        row = len(self._columns["image"])
        if self._pixels.chunks:
            self._pixels.resize(row + 1, axis=0)
        self._pixels[row] = pixels
        if remark := radiographs.remark(pixels):
            self.remarks[image] = remark
        digest = hashlib.sha256(np.ascontiguousarray(pixels)).hexdigest().encode()
        for name, value in zip(self._columns, (image.encode(), sha256, digest), strict=True):
            self._columns[name].append(value)

    def finish(self) -> None:
        """Write the columns beside the pixels."""
        for name, values in self._columns.items():
            width = max(map(len, values), default=1)
            self._file.create_dataset(name, data=np.array(values, f"S{width}"), track_times=False)


@contextmanager
def writing(
    path: str | Path, size: int, resampling: str, provenance: str, images: int | None
) -> Iterator[Writer]:
    """Yield a `Writer` of the HDF5 file `path`, which appears when the block succeeds.

    The file has `pixels`, uint8 (n, size, size); `image`, its name, bytes (n,); `sha256` of the
    file that it came from and `digest`, the sha256 of its pixels, both in hex, bytes (n,); and the
    attribute `provenance`. Its bytes depend on nothing else.

    Parameters
    ----------
    images: how many will be added. The pixels are then in one piece, as `Reader` needs them. None
        where the number is not known: then each image is a chunk.
    """
    with replacing(path) as temporary, _unbuffered(temporary) as file:
        file.attrs["provenance"] = provenance
        writer = Writer(file, size, resampling, images)
        yield writer
        writer.finish()


def _unbuffered(path: Path) -> h5py.File:
    """Make an HDF5 file that keeps no pixels back; with those HDF5 crashes on a full disk."""
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_sieve_buf_size(0)
    return h5py.File(h5py.h5f.create(os.fsencode(path), fapl=access))


def rows(index: str | Path, shard: int) -> pd.DataFrame:
    """Read image, source and path of the images of one shard from the index, by name.

    Raises `UserError` when the index is damaged.
    """
    try:
        table = pq.read_table(
            index, columns=["image", "source", "path"], filters=[("shard", "==", shard)]
        )
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UserError(
            f"{index} is not a Parquet file, or a damaged one: delete it and run again."
        ) from error
    return table.to_pandas().sort_values("image", ignore_index=True)


def pack_files(wanted: pd.DataFrame, writer: Writer) -> None:
    """Write the image files of `rows` to a shard.

    Raises `UserError` that names the image and the file that cannot be used.
    """
    for image, path in zip(wanted["image"], wanted["path"], strict=True):
        try:
            writer.add(image, radiographs.read_file(path))
        except radiographs.Unreadable as error:
            raise UserError(
                f"Image {image} cannot be used ({error}), see {path}: put the file right, "
                "then `touch` its folder and run again."
            ) from error


def pack_archives(wanted: pd.DataFrame, archives: dict[str, str], writer: Writer) -> None:
    """Copy the images of `rows` to a shard from the HDF5 file that was made of each archive.

    Parameters
    ----------
    archives: path of that file by the name of the source; its `image` is the member's path.
    """
    opened = {source: _open(archives[source]) for source in wanted["source"].unique()}
    places = {
        source: {path: row for row, path in enumerate(file["image"][:].tolist())}
        for source, file in opened.items()
    }
    for image, source, path in wanted[["image", "source", "path"]].itertuples(index=False):
        file, row = opened[source], places[source][path.encode()]
        writer.append(image, file["sha256"][row], file["pixels"][row])
    for file in opened.values():
        file.close()


def write_remarks(remarks: dict[str, str], wanted: pd.DataFrame, path: str | Path) -> None:
    """Log images that are dark, bright or flat, and list them as the report of images does.

    Parameters
    ----------
    remarks: of a `Writer`.
    wanted: image, source and path of its images.
    path: a CSV file, which is there only if there is something to say.
    """
    Path(path).unlink(missing_ok=True)
    if not remarks:
        return
    odd = wanted[wanted["image"].isin(remarks)]
    report = pd.DataFrame(
        {
            "image": odd["image"],
            "problem": "remark: " + odd["image"].map(remarks),
            "where": odd["source"] + ": " + odd["path"],
            "what_to_do": "look at it: it is used as it is",
        }
    )
    with replacing(path) as temporary:
        report.map(escaped).to_csv(temporary, index=False)
    for image, remark in remarks.items():
        logging.warning("Image %s is %s", image, remark)


def write_digest(shard: str | Path, path: str | Path) -> None:
    """Write the sha256 of a file in the format of `sha256sum --check`."""
    with replacing(path) as temporary:
        temporary.write_text(f"{_sha256(shard)}  {Path(shard).name}\n")


def verify(paths: Iterable[str | Path], digests: Iterable[str | Path]) -> None:
    """Raise `UserError` that names the first shard whose bytes are not those of its digest."""
    for path, digest in zip(paths, digests, strict=True):
        if not Path(digest).read_bytes().startswith(_sha256(path).encode()):
            raise UserError(f"The shard {path} does not match {digest}: {_remake(path)}")


class Reader:
    """Reads images of many shards, in any order and from any thread.

    The pixels are mapped into memory: the system keeps what is read often, and gives it back
    when memory is needed.

    Parameters
    ----------
    paths: the shards. The number of a shard is its place here.

    Raises `UserError` that names a file that is no shard or is truncated.
    """

    def __init__(self, paths: Iterable[str | Path]):
        self._paths = [str(path) for path in paths]
        self._pixels: list[np.ndarray] = []
        self._images: list[np.ndarray] = []
        for path in self._paths:
            pixels, images = _mapped(path)
            self._pixels.append(pixels)
            self._images.append(images)
        self.size = self._pixels[0].shape[1]

    def locate(self, images: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the shard and the row of each image, int64 (n,) each.

        Raises `UserError` that names an image which is in no shard.
        """
        images = list(images)
        lengths = [len(names) for names in self._images]
        names = pd.Index(np.concatenate([names.astype("O") for names in self._images]))
        found = names.get_indexer(pd.Index([image.encode() for image in images], dtype=object))
        if (found < 0).any():
            first = images[int((found < 0).argmax())]
            raise UserError(
                f"Image {first} is in no shard: the shards beside {self._paths[0]} were made of "
                "other images, so delete them and run again."
            )
        ends = np.cumsum(lengths)
        shards = np.searchsorted(ends, found, side="right")
        return shards, found - (ends - lengths)[shards]

    def batch(
        self, shards: Iterable[int], rows: Iterable[int], out: np.ndarray | None = None
    ) -> np.ndarray:
        """Read uint8 (n, size, size), into `out` if given; shards and rows are from `locate`."""
        shards, rows = np.asarray(shards).tolist(), np.asarray(rows).tolist()
        if out is None:
            out = np.empty((len(rows), self.size, self.size), np.uint8)
        for place, (shard, row) in enumerate(zip(shards, rows, strict=True)):
            out[place] = self._pixels[shard][row]
        return out

    def digests(self, images: Iterable[str]) -> np.ndarray:
        """Return the sha256 of the pixels of each image, in hex, str (n,).

        Raises `UserError` that names an image which is in no shard.
        """
        shards, rows = self.locate(images)
        found = np.empty(len(rows), "S64")
        for shard in np.unique(shards).tolist():
            here = shards == shard
            with _open(self._paths[shard]) as file:
                found[here] = file["digest"][:][rows[here]]
        return found.astype(str)


def _mapped(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels of a shard, mapped, and the names of its images."""
    with _open(path) as file:
        try:
            pixels, images = file["pixels"], file["image"][:]
            offset, shape = pixels.id.get_offset(), pixels.shape
        except (KeyError, OSError, RuntimeError) as error:
            raise UserError(f"The shard {path} is damaged ({error}): {_remake(path)}") from error
        if pixels.chunks or pixels.dtype != np.uint8 or len(shape) != 3 or len(images) != shape[0]:
            raise UserError(f"The shard {path} has another layout: {_remake(path)}")
    if not len(images):  # which has no place in the file
        return np.empty(shape, np.uint8), images
    mapped = np.memmap(path, np.uint8, "r", offset, shape)
    return np.asarray(mapped), images  # a plain array is indexed faster


def _open(path: str | Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise UserError(f"The shard {path} cannot be read ({error}): {_remake(path)}") from error


def _remake(path: str | Path) -> str:
    return f"make it again with `rm {path}` and `snakemake {path}`."


def _sha256(path: str | Path) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
