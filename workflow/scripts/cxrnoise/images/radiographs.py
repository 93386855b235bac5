"""Radiographs: the bytes of a PNG, JPEG or DICOM file to uint8 grey pixels."""

import io
import os
import re
import stat
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from cxrnoise.core.errors import Truncated, Unreadable

SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm")
SIGNATURES = {"PNG": b"\x89PNG\r\n\x1a\n", "JPEG": b"\xff\xd8\xff"}
DICOM_SIGNATURE = b"DICM"  # after 128 bytes of anything, mostly zeros
DICOM_PREAMBLE = 128
# The largest detectors have some 5,000×5,000 pixels; an image of this side and 16 bits, not
# compressed, is 200 MB.
LARGEST_SIDE = 10_000
LARGEST_FILE = 2**28
# What each value of 16 bits is with 8: a table, for arithmetic would take four times the image.
EIGHT_BITS = ((np.arange(2**16) + 128) // 257).astype(np.uint8)
RESAMPLING = {filter.name.lower(): filter for filter in Image.Resampling}

# In a JPEG: the codes of markers that stand alone, and those of the frame, which has the size.
# Within a scan, 0xFF00 is a pixel's byte, 0xFFD0 to 0xFFD7 restart it and 0xFFFF is filling.
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
ALONE = (0x01, 0xD8)
END, SCAN = 0xD9, 0xDA
FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def read_file(path: str | Path) -> bytes:
    """Read a file that is to be a radiograph.

    Raises `Unreadable` when it is not there, no regular file, or of more than `LARGEST_FILE` bytes.
    """
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise Unreadable("no regular file")
        if found.st_size > LARGEST_FILE:
            raise Unreadable(f"{found.st_size} bytes, at most {LARGEST_FILE} are accepted")
        return Path(path).read_bytes()
    except OSError as error:
        raise Unreadable(error.strerror) from error


def dimensions(data: bytes) -> tuple[int, int]:
    """Return (width, height) of a PNG, JPEG or DICOM file after checking that it is whole.

    The format follows from the bytes, not from the file's name. Every chunk of a PNG is
    verified by its checksum, a JPEG must have its end marker, and a DICOM file as many pixels
    as its header says. Nothing is decompressed, so that this costs little more than reading
    the file.
    Raises `Truncated` when the end is missing, else `Unreadable`: another format, a wrong
    checksum, no pixels, or a side of more than `LARGEST_SIDE` pixels.
    """
    kind = _format(data)
    if kind == "DICOM":
        from cxrnoise.images import dicom

        size = dicom.size(dicom.read(data))
    else:
        size = _png_size(data) if kind == "PNG" else _jpeg_size(data)
    return _checked(*size)


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

    An image that is not square is stretched, as the paper does with its 1024×1024 images
    that were made square by the release.
    """
    return _resized(Image.fromarray(pixels), size, resampling)


def decode_resized(data: bytes, size: int, resampling: str) -> np.ndarray:
    """Return what `resize(decode(data), size, resampling)` does, with fewer copies."""
    return _resized(_grey(data), size, resampling)


def _resized(image: Image.Image, size: int, resampling: str) -> np.ndarray:
    return np.asarray(image.resize((size, size), RESAMPLING[resampling]))


def _format(data: bytes) -> str:
    for kind, signature in SIGNATURES.items():
        if data.startswith(signature):
            return kind
    preamble, signature = data[:DICOM_PREAMBLE], data[DICOM_PREAMBLE : DICOM_PREAMBLE + 4]
    if signature == DICOM_SIGNATURE:
        return "DICOM"
    begun = any(whole.startswith(data) for whole in SIGNATURES.values())
    if begun or (not any(preamble) and DICOM_SIGNATURE.startswith(signature)):
        raise Truncated("the file ends within its first bytes")
    raise Unreadable("neither PNG, JPEG nor DICOM")


def _checked(width: int, height: int) -> tuple[int, int]:
    if not 0 < min(width, height) <= max(width, height) <= LARGEST_SIDE:
        raise Unreadable(f"{width}×{height} pixels, sides of 1 to {LARGEST_SIDE} are accepted")
    return width, height


def _png_size(data: bytes) -> tuple[int, int]:
    width = height = 0
    view = memoryview(data)
    position = len(SIGNATURES["PNG"])
    kind = b""
    while kind != b"IEND":
        if len(data) < position + 12:
            raise Truncated("the end of the file is missing")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if len(data) < end + 4:
            raise Truncated("the end of the file is missing")
        if zlib.crc32(view[position + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            raise Unreadable(f"wrong checksum at byte {end}")
        if kind == b"IHDR" and length == 13:
            width, height = struct.unpack_from(">II", data, position + 8)
        position = end + 4
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int]:
    width = height = 0
    seen = set()
    position = 0
    while END not in seen:
        marker = MARKER.search(data, position)
        if marker is None:
            raise Truncated("the end of the file is missing")
        code, position = data[marker.end() - 1], marker.end()
        seen.add(code)
        if code == END or code in ALONE:
            continue
        if len(data) < position + 2:
            raise Truncated("the end of the file is missing")
        length = struct.unpack_from(">H", data, position)[0]
        if len(data) < position + length:
            raise Truncated("the end of the file is missing")
        if code in FRAMES and length >= 8:
            height, width = struct.unpack_from(">HH", data, position + 3)
        position += length
    if SCAN not in seen:
        raise Unreadable("a JPEG without pixels")
    return width, height


def _grey(data: bytes) -> Image.Image:
    kind = _format(data)
    if kind == "DICOM":
        from cxrnoise.images import dicom

        file = dicom.read(data)
        _checked(*dicom.size(file))
        return Image.fromarray(dicom.grey(file))
    if kind == "JPEG":  # Pillow would not miss the end marker
        _checked(*_jpeg_size(data))
    try:
        image = Image.open(io.BytesIO(data), formats=(kind,))
        if max(image.size) > LARGEST_SIDE:
            raise Unreadable(f"a side of more than {LARGEST_SIDE} pixels")
        image.load()
    except UnidentifiedImageError as error:
        raise Unreadable(f"no {kind} that can be read") from error
    except (
        OSError,
        SyntaxError,
        ValueError,
        IndexError,
        struct.error,
        Image.DecompressionBombError,
    ) as error:
        raise Unreadable(str(error)) from error
    if image.mode == "I;16":
        return Image.fromarray(EIGHT_BITS[np.asarray(image)])
    return image if image.mode == "L" else image.convert("L")
