"""Shards: HDF5 files of reduced radiographs, whose pixels are mapped into memory to be read.

`packing` writes them. It is apart, so that a training does not depend on how images are decoded.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from cxrnoise.core.errors import UserError


def number_of(image: str, number: int) -> int:
    """Return the shard of an image, by its name alone, among `number` shards."""
    digest = hashlib.blake2b(image.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % number


def verify(paths: Iterable[str | Path], digests: Iterable[str | Path]) -> None:
    """Raise `UserError` that names the first shard whose bytes are not those of its digest."""
    for path, digest in zip(paths, digests, strict=True):
        if not Path(digest).read_bytes().startswith(sha256_of(path).encode()):
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
            with opened(self._paths[shard]) as file:
                found[here] = file["digest"][:][rows[here]]
        return found.astype(str)


def _mapped(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels of a shard, mapped, and the names of its images."""
    with opened(path) as file:
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


def opened(path: str | Path) -> h5py.File:
    """Open a shard for reading; raise `UserError` when it cannot be read."""
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise UserError(f"The shard {path} cannot be read ({error}): {_remake(path)}") from error


def _remake(path: str | Path) -> str:
    return f"make it again with `rm {path}` and `snakemake {path}`."


def sha256_of(path: str | Path) -> str:
    """Return the sha256 of a file, in hex."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
