"""Shards: HDF5 files of reduced radiographs, one chunk an image, and reading them fast."""

import hashlib
import itertools
import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cxrnoise.core.errors import UserError
from cxrnoise.core.files import replacing
from cxrnoise.images import radiographs

OPEN_FILES = 128
ROW_COLUMNS = ["image", "source", "path", "row"]


class Writer:
    """Appends images to an HDF5 file; see `writing`."""

    def __init__(self, file: h5py.File, size: int, resampling: str):
        self.size, self.resampling = size, resampling
        self._file = file
        self._images: list[bytes] = []
        self._digests: list[bytes] = []
        self._pixels = file.create_dataset(
            "pixels",
            shape=(0, size, size),
            maxshape=(None, size, size),
            chunks=(1, size, size),
            dtype=np.uint8,
            track_times=False,
        )

    def add(self, image: str, data: bytes) -> None:
        """Append the image file `data` under the name `image`; raises `Unreadable`."""
        pixels = radiographs.decode_resized(data, self.size, self.resampling)
        self.append(image, hashlib.sha256(data).hexdigest().encode(), pixels)

    def append(self, image: str, digest: bytes, pixels: np.ndarray) -> None:
        """Append uint8 `pixels` (size, size) that come from a file with this sha256."""
        row = len(self._images)
        self._pixels.resize(row + 1, axis=0)
        self._pixels.id.write_direct_chunk((row, 0, 0), pixels.tobytes())
        self._images.append(image.encode())
        self._digests.append(digest)

    def finish(self) -> None:
        """Write the columns beside the pixels."""
        for name, values in (("image", self._images), ("sha256", self._digests)):
            width = max(map(len, values), default=1)
            self._file.create_dataset(name, data=np.array(values, f"S{width}"), track_times=False)


@contextmanager
def writing(path: str | Path, size: int, resampling: str, provenance: str) -> Iterator[Writer]:
    """Yield a `Writer` of the HDF5 file `path`, which appears when the block succeeds.

    The file has `pixels`, uint8 (N, size, size), one uncompressed chunk an image; `image`,
    bytes (N,); `sha256`, bytes (N,), the hex digest of the file that each came from; and the
    attribute `provenance`. Its bytes depend on nothing else.
    """
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["provenance"] = provenance
        writer = Writer(file, size, resampling)
        yield writer
        writer.finish()


def rows(index: str | Path, shard: int) -> pd.DataFrame:
    """Read image, source, path, row of one shard from the index, in the order of the rows.

    Raises `UserError` when the index is damaged.
    """
    try:
        with pq.ParquetFile(index) as file:
            groups = _groups(file.metadata, shard)
            frame = file.read_row_groups(groups, columns=[*ROW_COLUMNS, "shard"]).to_pandas()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UserError(
            f"{index} is not a Parquet file, or a damaged one: delete it and run again."
        ) from error
    frame = frame.loc[frame["shard"] == shard, ROW_COLUMNS]
    return frame.sort_values("row", ignore_index=True)


def _groups(metadata: pq.FileMetaData, shard: int) -> list[int]:
    """Return the row groups of the index in which a shard may be, for shards come in order."""
    column = metadata.schema.names.index("shard")
    largest = [
        metadata.row_group(group).column(column).statistics.max
        for group in range(metadata.num_row_groups)
    ]
    reached = list(itertools.accumulate(largest, max))  # a group without PA images has -1
    last = min(bisect_right(reached, shard) + 1, len(reached))
    groups = range(bisect_left(reached, shard), last)
    return [group for group in groups if largest[group] >= shard]


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
    """Copy the images of `rows` to a shard from the HDF5 file of each source's archive."""
    opened = {source: _open(archives[source]) for source in wanted["source"].unique()}
    images = wanted["image"].str.encode("utf-8").to_numpy("S")
    places = {source: _places(file["image"][:], images) for source, file in opened.items()}
    for image, source in zip(wanted["image"], wanted["source"], strict=True):
        file, row = opened[source], places[source][image.encode()]
        writer.append(image, file["sha256"][row], file["pixels"][row])
    for file in opened.values():
        file.close()


def _places(images: np.ndarray, wanted: np.ndarray) -> dict[bytes, int]:
    rows = np.flatnonzero(np.isin(images, wanted))
    return dict(zip(images[rows].tolist(), rows.tolist(), strict=True))


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
    """Reads rows of many shards, in any order and from any thread.

    Memory is bounded by what is asked for: the files are neither mapped nor cached, only
    the place of each image is kept.

    Parameters
    ----------
    paths: shards; the number of a shard is its file name, `007.h5` is 7.

    Raises `UserError` that names a file that is no shard or is truncated.
    """

    def __init__(self, paths: Iterable[str | Path]):
        self._paths = {int(Path(path).stem): str(path) for path in paths}
        self._offsets: dict[int, np.ndarray] = {}
        self._images: dict[int, np.ndarray] = {}
        for shard, path in self._paths.items():
            self.size, self._offsets[shard], self._images[shard] = _layout(path)
        self._opened = lru_cache(OPEN_FILES)(_Descriptor)

    def read(self, shard: int, row: int) -> np.ndarray:
        """Read uint8 (size, size)."""
        return self.batch([shard], [row])[0]

    def batch(
        self, shards: Iterable[int], rows: Iterable[int], out: np.ndarray | None = None
    ) -> np.ndarray:
        """Read uint8 (n, size, size), into `out` if given.

        Raises `UserError` when there is no such shard or row, or a file ends too early.
        """
        shards, rows = np.asarray(shards).tolist(), np.asarray(rows).tolist()
        if out is None:
            out = np.empty((len(rows), self.size, self.size), np.uint8)
        for shard, row, pixels in zip(shards, rows, out, strict=True):
            self._read_into(pixels, shard, row)
        return out

    def check(self, manifest: pd.DataFrame, path: str | Path) -> None:
        """Raise `UserError` unless each image of `manifest`, read from `path`, is in its row."""
        for shard, part in manifest.groupby("shard"):
            images = self._images.get(shard, np.array([], "S1"))
            outside = ~part["row"].between(0, len(images) - 1)
            found = images[part["row"].where(~outside, 0)] if len(images) else b""
            wrong = outside | (found != part["image"].str.encode("utf-8").to_numpy("S"))
            if wrong.any():
                first = part[wrong].iloc[0]
                raise UserError(
                    f"{path} does not match the shards: image {first['image']} is not in row "
                    f"{first['row']} of shard {shard}: delete {path} and run again."
                )

    def _read_into(self, pixels: np.ndarray, shard: int, row: int) -> None:
        offsets = self._offsets.get(shard, ())
        if not 0 <= row < len(offsets):
            raise UserError(
                f"There is no row {row} in shard {shard}: the manifest and the shards do not "
                "belong together, delete the manifest and run again."
            )
        path = self._paths[shard]
        descriptor = self._opened(path)  # held while reading, or another thread may close it
        if os.preadv(descriptor.number, [pixels], offsets[row]) != pixels.nbytes:
            raise UserError(f"The shard {path} is truncated: {_remake(path)}")


class _Descriptor:
    """A file descriptor that closes when its last user lets go of it."""

    def __init__(self, path: str):
        self.number = os.open(path, os.O_RDONLY)

    def __del__(self):
        os.close(self.number)


def _layout(path: str | Path) -> tuple[int, np.ndarray, np.ndarray]:
    with _open(path) as file:
        try:
            pixels, images = file["pixels"], file["image"][:]
            size = pixels.shape[1]
            plain = pixels.chunks == (1, size, size) and pixels.compression is None
            offsets = np.zeros(len(pixels), np.int64)

            def keep(chunk):
                offsets[chunk.chunk_offset[0]] = chunk.byte_offset

            pixels.id.chunk_iter(keep)
        except (KeyError, OSError, RuntimeError) as error:
            raise UserError(f"The shard {path} is damaged ({error}): {_remake(path)}") from error
    if not plain or len(images) != len(offsets):
        raise UserError(f"The shard {path} has another layout: {_remake(path)}")
    return size, offsets, images


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
