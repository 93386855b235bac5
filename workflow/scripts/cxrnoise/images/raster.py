"""PNG and JPEG files: their size, whether they are whole, and their grey pixels."""

import io
import re
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError

from cxrnoise.core.errors import Truncated, Unreadable

SIGNATURES = {"PNG": b"\x89PNG\r\n\x1a\n", "JPEG": b"\xff\xd8\xff"}
# The largest detectors have about 5,000×5,000 pixels.
LARGEST_SIDE = 10_000
# The 8-bit grey of each 16-bit value. Looking it up needs less memory than computing it.
EIGHT_BITS = ((np.arange(2**16) + 128) // 257).astype(np.uint8)

# JPEG. A marker is 0xFF (any number of them) and a code; 0xFF00 is a byte of pixels.
MARKER = re.compile(rb"\xff+[^\x00\xff]")
RESTARTS = range(0xD0, 0xD8)  # they divide the pixels of a scan into parts, numbered modulo 8
START, END, SCAN, TEMPORARY = 0xD8, 0xD9, 0xDA, 0x01
SEQUENTIAL, PROGRESSIVE = (0xC0, 0xC1), 0xC2
OTHER_FRAMES = set(range(0xC3, 0xD0)) - {0xC4, 0xC8, 0xCC}
MORE_PIXELS = 4 * bytes.fromhex("b66d5ad3a94be52c97b16ed45a33c781")  # any that are not alike


@dataclass(frozen=True)
class Jpeg:
    """What the markers of a JPEG say.

    `ends` are the positions where coded pixels end: before each restart marker, and at the end
    of each scan. Each comes with what `with_more_pixels` inserts there.
    """

    width: int
    height: int
    ends: list[tuple[int, bytes]]

    def with_more_pixels(self, data: bytes) -> bytes:
        """Return the JPEG with more bytes of pixels than it needs."""
        parts = []
        start = 0
        for end, more in self.ends:
            parts += [data[start:end], more]
            start = end
        return b"".join([*parts, data[start:]])


def checked(width: int, height: int) -> tuple[int, int]:
    """Return (width, height), or raise `Unreadable` when a side is 0 or far too long."""
    if not 0 < min(width, height) <= max(width, height) <= LARGEST_SIDE:
        raise Unreadable(f"{width}×{height} pixels, sides of 1 to {LARGEST_SIDE} are accepted")
    return width, height


def png_size(data: bytes) -> tuple[int, int]:
    """Return (width, height) of a PNG after checking the checksum of each of its chunks.

    Nothing is decompressed. Raises `Truncated` when the end is missing, else `Unreadable`.
    """
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
    return checked(width, height)


def png(data: bytes) -> Image.Image:
    """Decode a PNG to grey (mode L)."""
    return _grey(_load(data, "PNG"))


def jpeg(data: bytes) -> Image.Image:
    """Decode a JPEG to grey (mode L) after checking that none of its pixels is missing.

    libjpeg paints missing pixels grey and only warns, which Pillow does not pass on. So the
    JPEG is decoded a second time with more bytes at each place where coded pixels end. A
    decoder skips them when it has all pixels; it takes them for pixels when some are missing,
    and the two pictures differ. (Pixels that are missing in the very last block alone may go
    unnoticed.)
    Raises `Truncated` when pixels or the end are missing, else `Unreadable`.
    """
    parsed = parse_jpeg(data)
    image = _load(data, "JPEG")
    with_more = _load(parsed.with_more_pixels(data), "JPEG")
    if not np.array_equal(np.asarray(image), np.asarray(with_more)):
        raise Truncated("pixels of the JPEG are missing")
    return _grey(image)


def parse_jpeg(data: bytes) -> Jpeg:
    """Read the markers of a JPEG up to its end marker; nothing is decompressed.

    Raises `Truncated` when the end, a whole scan or a part between restarts is missing, else
    `Unreadable`.
    """
    width = height = 0
    progressive = in_scan = False
    restarts = 0  # of this scan, so far
    missing = {}  # lowest bits of each coefficient still to come, by component
    ends = []
    position = 0
    while True:
        marker = MARKER.search(data, position)
        if marker is None:
            raise Truncated("the end of the file is missing")
        code, position = data[marker.end() - 1], marker.end()
        if in_scan and code in RESTARTS:
            if code != RESTARTS[restarts % 8]:
                raise Truncated("pixels of the JPEG are missing")
            ends.append((marker.start(), MORE_PIXELS))
            restarts += 1
        elif in_scan:
            next_part = bytes([0xFF, RESTARTS[restarts % 8]])
            ends.append((marker.start(), MORE_PIXELS + next_part + MORE_PIXELS))
        if code in RESTARTS:
            continue
        in_scan, restarts = code == SCAN, 0
        if code == END:
            break
        if code in (START, TEMPORARY):
            continue
        segment = _segment(data, position)
        position += 2 + len(segment)
        if code in OTHER_FRAMES:
            raise Unreadable("a lossless, hierarchical or arithmetic-coded JPEG: convert the file")
        if code in SEQUENTIAL or code == PROGRESSIVE:
            progressive = code == PROGRESSIVE
            height, width, components = struct.unpack_from(">HHB", segment.ljust(6, b"\0"), 1)
            missing = {name: [13] * 64 for name in segment[6 : 6 + 3 * components : 3]}
        if code == SCAN:
            _receive(segment, missing, progressive)
    if not ends:
        raise Truncated("a JPEG without pixels")
    if any(map(any, missing.values())):
        raise Truncated("a scan of the JPEG is missing")
    return Jpeg(*checked(width, height), ends)


def _segment(data: bytes, position: int) -> bytes:
    length = int.from_bytes(data[position : position + 2], "big")
    if length < 2 or len(data) < position + length:
        raise Truncated("the end of the file is missing")
    return data[position + 2 : position + length]


def _receive(scan: bytes, missing: dict[int, list[int]], progressive: bool) -> None:
    """Note which coefficients of which components come in a scan."""
    first, last, lowest_bit = 0, 63, 0
    if progressive and len(scan) >= 3:
        first, last, lowest_bit = scan[-3], min(scan[-2], 63), scan[-1] & 15
    for component in scan[1:-3:2]:
        if component in missing:
            count = last + 1 - first
            missing[component][first : last + 1] = [lowest_bit] * count


def _load(data: bytes, kind: str) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=(kind,))
        checked(*image.size)
        image.load()
    except UnidentifiedImageError as error:  # its own message names no format
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
    return image


def _grey(image: Image.Image) -> Image.Image:
    if image.mode == "I;16":
        return Image.fromarray(EIGHT_BITS[np.asarray(image)])
    return image if image.mode == "L" else image.convert("L")
