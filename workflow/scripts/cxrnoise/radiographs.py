"""Radiographs: the bytes of a PNG file to uint8 grey pixels."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LARGEST_SIDE = 10_000
RESAMPLING = {filter.name.lower(): filter for filter in Image.Resampling}


class Unreadable(Exception):
    """A file that is no whole radiograph; the message is the reason, in a few words."""


class Truncated(Unreadable):
    """A PNG whose end is missing."""


def dimensions(data: bytes) -> tuple[int, int]:
    """Return (width, height) of a PNG after checking that the file is whole.

    The checksum of every chunk is verified and nothing is inflated, so that this costs
    little more than reading the file.
    Raises `Truncated` when the end is missing, else `Unreadable`: not a PNG, a wrong
    checksum, no pixels, or a side of more than `LARGEST_SIDE` pixels.
    """
    if not data.startswith(SIGNATURE):
        if SIGNATURE.startswith(data):
            raise Truncated("the file ends within its first bytes")
        raise Unreadable("not a PNG")
    width = height = 0
    view = memoryview(data)
    position = len(SIGNATURE)
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
    if not 0 < min(width, height) <= max(width, height) <= LARGEST_SIDE:
        raise Unreadable(f"{width}×{height} pixels, sides of 1 to {LARGEST_SIDE} are accepted")
    return width, height


def decode(data: bytes) -> np.ndarray:
    """Decode a PNG to grey.

    1-, 8- and 16-bit grey, palette, RGB and RGBA are accepted. Colour becomes luma (ITU-R
    601-2), transparency is ignored, and 16 bits are scaled to 8 with rounding.

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


def _grey(data: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=("PNG",))
        if max(image.size) > LARGEST_SIDE:
            raise Unreadable(f"a side of more than {LARGEST_SIDE} pixels")
        image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Unreadable(str(error)) from error
    if image.mode == "I;16":
        return Image.fromarray(_eight_bits(np.asarray(image)))
    return image if image.mode == "L" else image.convert("L")


def _eight_bits(pixels: np.ndarray) -> np.ndarray:
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
