"""Write shards: radiographs decoded, reduced and packed into HDF5 files; `shards` reads them."""

import hashlib
import logging
import os
from collections.abc import Iterator
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
from cxrnoise.images.shards import opened, sha256_of


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
    files = {source: opened(archives[source]) for source in wanted["source"].unique()}
    places = {
        source: {path: row for row, path in enumerate(file["image"][:].tolist())}
        for source, file in files.items()
    }
    for image, source, path in wanted[["image", "source", "path"]].itertuples(index=False):
        file, row = files[source], places[source][path.encode()]
        writer.append(image, file["sha256"][row], file["pixels"][row])
    for file in files.values():
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
        temporary.write_text(f"{sha256_of(shard)}  {Path(shard).name}\n")
