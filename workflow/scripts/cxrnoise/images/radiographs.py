"""Radiographs: the bytes of a PNG, JPEG or DICOM file to uint8 grey pixels.

The format follows from the bytes, not from the file's name.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from cxrnoise.core.errors import Truncated, Unreadable
from cxrnoise.images import raster
from cxrnoise.images.description import Description

SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom")  # compare with the name in lower case
DICOM_SIGNATURE = b"DICM"  # after 128 bytes of anything, mostly zeros
DICOM_PREAMBLE = 128
# An image of 10,000×10,000 pixels of 16 bits has 200 MB before it is compressed.
LARGEST_FILE = 2**28
RESAMPLING = {filter.name.lower(): filter for filter in Image.Resampling}

# Limits of `remark`, in grey values of 0 to 255
FLAT_RANGE = 8
DARK, BRIGHT = 64, 191


def read_file(path: str | Path) -> bytes:
    """Read a file; raises `Unreadable` when it cannot be read or is larger than any radiograph."""
    try:
        size = Path(path).stat().st_size
        if size > LARGEST_FILE:
            raise Unreadable(f"{size} bytes, at most {LARGEST_FILE} are accepted")
        return Path(path).read_bytes()
    except OSError as error:
        raise Unreadable(error.strerror) from error


def describe(data: bytes) -> Description:
    """Say what a PNG, JPEG or DICOM file is, after checking that it is whole.

    PNG: the checksum of every chunk must be right. JPEG: it is decoded to see whether pixels are
    missing. DICOM: see `dicom.read`. View, reason to leave the image out and remarks come from
    the attributes of a DICOM file, see `position`; a PNG or JPEG has none.
    Raises `Truncated` when the end or pixels are missing, else `Unreadable`: another format, a
    wrong checksum, no pixels, or a side of more than `raster.LARGEST_SIDE` pixels.
    """
    kind = _format(data)
    if kind == "DICOM":
        from cxrnoise.images import dicom

        return dicom.describe(dicom.read(data))
    size = raster.png_size(data) if kind == "PNG" else raster.jpeg(data).size
    return Description(*size)


def decode(data: bytes) -> np.ndarray:
    """Decode a PNG, JPEG or DICOM file to grey.

    In PNGs and JPEGs colour becomes luma (ITU-R 601-2), transparency and orientation tags are
    ignored, and 16 bits are scaled to 8 with rounding. For DICOM see `dicom.grey`.

    Returns
    -------
    uint8 array (height, width), 0 black, 255 white.
    Raises `Unreadable`.
    """
    return np.asarray(_grey(data))


def resize(pixels: np.ndarray, size: int, resampling: str) -> np.ndarray:
    """Resize uint8 (height, width) to uint8 (size, size) with a filter of `RESAMPLING`.

    An image that is not square is stretched. The paper's images were stretched to 1024×1024
    pixels in the same way when they were released.
    """
    return _resized(Image.fromarray(pixels), size, resampling)


def decode_resized(data: bytes, size: int, resampling: str) -> np.ndarray:
    """Return `resize(decode(data), size, resampling)`, with fewer copies."""
    return _resized(_grey(data), size, resampling)


def remark(pixels: np.ndarray) -> str:
    """Name a picture that is probably not as its source meant it; "" for any other.

    Of the grey values, the lowest and the highest percent are left aside, because a dark
    picture may have a white letter in it. When the rest spans less than `FLAT_RANGE`, the
    picture is flat; when none of it is above `DARK`, it is dark, as 12-bit values in a 16-bit
    PNG are; when none is below `BRIGHT`, it is bright.

    Parameters
    ----------
    pixels: uint8, decoded or resized.

    Returns
    -------
    str, such as "dark: 17 grey levels, brightest 16".
    """
    counts = np.bincount(pixels.ravel(), minlength=256)
    share = np.cumsum(counts) / pixels.size
    low, high = np.searchsorted(share, [0.01, 0.99])
    present = np.flatnonzero(counts)
    levels = f"{len(present)} grey level{'s' if len(present) > 1 else ''}"
    if high - low < FLAT_RANGE:
        return f"flat: {levels}, from {present[0]} to {present[-1]}"
    if high <= DARK:
        return f"dark: {levels}, brightest {present[-1]}"
    if low >= BRIGHT:
        return f"bright: {levels}, darkest {present[0]}"
    return ""


def _resized(image: Image.Image, size: int, resampling: str) -> np.ndarray:
    return np.asarray(image.resize((size, size), RESAMPLING[resampling]))


def _format(data: bytes) -> str:
    for kind, signature in raster.SIGNATURES.items():
        if data.startswith(signature):
            return kind
    preamble, signature = data[:DICOM_PREAMBLE], data[DICOM_PREAMBLE : DICOM_PREAMBLE + 4]
    if signature == DICOM_SIGNATURE:
        return "DICOM"
    begun = any(whole.startswith(data) for whole in raster.SIGNATURES.values())
    if begun or (not any(preamble) and DICOM_SIGNATURE.startswith(signature)):
        raise Truncated("the file ends within its first bytes")
    raise Unreadable("neither PNG, JPEG nor DICOM")


def _grey(data: bytes) -> Image.Image:
    kind = _format(data)
    if kind == "DICOM":
        from cxrnoise.images import dicom

        return Image.fromarray(dicom.grey(dicom.read(data)))
    return raster.png(data) if kind == "PNG" else raster.jpeg(data)
