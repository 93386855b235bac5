"""DICOM radiographs: what the header says, and the uint8 grey pixels.

`radiographs` imports this module only when it meets a DICOM file, so training needs no pydicom.
"""

import io
import logging
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pydicom
from PIL import Image
from pydicom import Dataset, pixels, uid
from pydicom.encaps import get_frame
from pydicom.errors import BytesLengthException

from cxrnoise.core.errors import Truncated, Unreadable
from cxrnoise.images import position, raster
from cxrnoise.images.description import Description

UNCOMPRESSED = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
)
JPEGS = (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit)
JPEGS_2000 = (uid.JPEG2000Lossless, uid.JPEG2000)
CONVERT = "convert the file to an uncompressed one, such as with `gdcmconv --raw`"
GREYS = ("MONOCHROME1", "MONOCHROME2")
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
# In a JPEG 2000 codestream
TILE_PART, CODESTREAM_START, CODESTREAM_END = b"\xff\x90", b"\xff\x4f\xff\x51", b"\xff\xd9"

# pydicom warns about unusual headers and quotes them, which would put patients' data into logs.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"pydicom\b")


def read(data: bytes) -> Dataset:
    """Read a DICOM file that holds one radiograph, and check that it is whole.

    Only a JPEG within the file is decompressed, because there is no other way to see whether it
    is whole.
    Raises `Truncated` when the file or its pixels end too early, else `Unreadable`: no image,
    several frames, an unknown compression, or attributes that contradict each other.
    """
    with _as_unreadable():
        file = pydicom.dcmread(io.BytesIO(data))
        _check_image(file)
        _check_bits(file)
        _check_polarity(file)
        raster.checked(file.Columns, file.Rows)
        if file.file_meta.TransferSyntaxUID in UNCOMPRESSED:
            _check_length(file)
        else:
            _check_compressed(file)
        if file.SamplesPerPixel == 1:
            _shades(file)
            if file.file_meta.TransferSyntaxUID in UNCOMPRESSED:
                _cells(file)
    return file


def describe(file: Dataset) -> Description:
    """Describe what `read` returns."""
    with _as_unreadable():
        width, height = file.Columns, file.Rows
        if position.on_its_side(file):
            width, height = height, width
        return Description(
            width, height, position.view(file), position.left_out(file), position.remarks(file)
        )


def grey(file: Dataset) -> np.ndarray:
    """Return uint8 (height, width), bone white, of what `read` returns.

    Stored values go through the modality LUT or rescale, then through the first VOI LUT or else
    the first window. Without either, the range of the stored bits becomes 0 to 255. MONOCHROME1
    is inverted; colour becomes luma (ITU-R 601-2). Last, the picture is turned and mirrored to
    hang as usual, see `position`.
    Raises `Unreadable` when the pixels cannot be decompressed.
    """
    with _as_unreadable():
        if file.SamplesPerPixel > 1:
            stored = np.asarray(Image.fromarray(pixels.pixel_array(file)).convert("L"))
        else:
            stored = _shades(file)[_cells(file)]
        if stored.shape != (file.Rows, file.Columns):
            raise Unreadable(f"pixels of {stored.shape}, the header says {_size(file)}")
        return position.upright(stored, file)


@contextmanager
def _as_unreadable() -> Iterator[None]:
    """pydicom raises almost any exception on a damaged file; turn it into `Unreadable`."""
    try:
        yield
    except (Unreadable, MemoryError):
        raise
    except (EOFError, struct.error, BytesLengthException) as error:
        raise Truncated("the end of the file, or of a part of its header, is missing") from error
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise Unreadable(f"no readable DICOM ({reason or type(error).__name__})") from error


def _size(file: Dataset) -> tuple[int, int]:
    return file.Columns, file.Rows


def _check_image(file: Dataset) -> None:
    if "PixelData" not in file:
        kind = file.file_meta.get("MediaStorageSOPClassUID", uid.UID(""))
        if len(file) == 0 or "Image Storage" in kind.name:
            raise Truncated("the pixel data are missing")
        raise Unreadable(f"a DICOM file without an image ({kind.name or 'of no class'})")
    if file.file_meta.get("TransferSyntaxUID") is None:
        raise Unreadable("its header does not name the transfer syntax")
    if not all(isinstance(side, int) for side in _size(file)):
        raise Unreadable(f"{_size(file)} is no size of an image")
    frames = int(file.get("NumberOfFrames") or 1)
    if frames > 1:
        raise Unreadable(f"{frames} frames: split the file into one per radiograph")


def _check_bits(file: Dataset) -> None:
    samples, meaning = file.SamplesPerPixel, file.PhotometricInterpretation
    if (samples, meaning) not in {*((1, grey) for grey in GREYS), *((3, name) for name in COLOURS)}:
        raise Unreadable(f"{meaning} pixels of {samples} values: convert the file to MONOCHROME2")
    allocated, stored = file.BitsAllocated, file.BitsStored
    if allocated not in (8, 16) or stored not in (range(8, 17) if samples == 1 else [8]):
        raise Unreadable(
            f"{stored} of {allocated} bits, grey of 8 to 16 or colour of 3 × 8 bits is accepted"
        )
    if not stored - 1 <= _high_bit(file) < allocated:
        raise Unreadable(
            f"{allocated} Bits Allocated, {stored} Bits Stored and High Bit {_high_bit(file)} "
            "contradict each other"
        )


def _high_bit(file: Dataset) -> int:
    high_bit = file.get("HighBit")
    return file.BitsStored - 1 if high_bit is None else high_bit


def _check_polarity(file: Dataset) -> None:
    """Refuse a Presentation LUT Shape that contradicts the Photometric Interpretation.

    DICOM (PS3.3, General Image Module) pairs INVERSE with MONOCHROME1 and IDENTITY with all
    else: both say once more what the Photometric Interpretation says, and change nothing.
    """
    meaning, shape = file.PhotometricInterpretation, file.get("PresentationLUTShape")
    expected = "INVERSE" if meaning == "MONOCHROME1" else "IDENTITY"
    if shape and shape.strip().upper() != expected:
        raise Unreadable(
            f"Presentation LUT Shape {shape} contradicts {meaning}: remove what is wrong"
        )
    if file.get("PresentationLUTSequence"):
        raise Unreadable("a Presentation LUT Sequence is not supported")


def _check_length(file: Dataset) -> None:
    expected, found = pixels.utils.get_expected_length(file), len(file.PixelData)
    if found < expected:
        raise Truncated("the pixel data are shorter than the header says")
    if found > expected + expected // file.Rows + 1:  # some programs pad a little
        raise Unreadable(f"{found} bytes of pixels, where the header says {expected}")


def _check_compressed(file: Dataset) -> None:
    syntax = file.file_meta.TransferSyntaxUID
    try:
        available = pixels.get_decoder(syntax).is_available
    except NotImplementedError:
        raise Unreadable(f"{syntax.name} is not supported: {CONVERT}") from None
    if not available:
        raise Unreadable(
            f"{syntax.name} is not supported here: {CONVERT}, or install pylibjpeg with its "
            "plugins for it"
        )
    if syntax in JPEGS:
        size, bits = _check_jpeg(file)
    elif syntax in JPEGS_2000:
        size, bits = _check_jpeg_2000(file)
    else:
        return
    if size != _size(file):
        raise Unreadable(f"a compressed image of {size}, where the header says {_size(file)}")
    if bits <= _high_bit(file):
        raise Unreadable(
            f"{bits} bits in the compressed image, where the header says High Bit {_high_bit(file)}"
        )


def _check_jpeg(file: Dataset) -> tuple[tuple[int, int], int]:
    frame = get_frame(file.PixelData, 0, number_of_frames=1)
    return raster.jpeg(frame).size, 8


def _check_jpeg_2000(file: Dataset) -> tuple[tuple[int, int], int]:
    """Follow the tile parts, each of which says its length, to the end of the codestream."""
    frame = get_frame(file.PixelData, 0, number_of_frames=1)
    start = frame.find(CODESTREAM_START)
    place = frame.find(TILE_PART, start)
    if start < 0 or place < 0:
        raise Truncated("the compressed image is missing")
    while frame[place : place + 2] == TILE_PART:
        length = int.from_bytes(frame[place + 6 : place + 10], "big")
        if length == 0:  # up to the end
            place = max(frame.rfind(CODESTREAM_END), place + 12)
            break
        place += max(length, 12)
    if frame[place : place + 2] != CODESTREAM_END:
        raise Truncated("the end of the compressed image is missing")
    width, height, left, top = struct.unpack_from(">4I", frame, start + 8)
    bits = pixels.utils.get_j2k_parameters(frame[start:])["precision"]
    return (width - left, height - top), bits


def _cells(file: Dataset) -> np.ndarray:
    """Return each pixel with all its allocated bits, as unsigned numbers.

    Raises `Unreadable` when bits are set where the header says that there are none. Overlays
    may lie there, when the header says so, and the sign of a negative value.
    """
    cells = pixels.pixel_array(file, correct_unused_bits=False)
    cells = cells.astype(cells.dtype.newbyteorder("="), copy=False).view(f"u{cells.itemsize}")
    bits, high_bit = file.BitsStored, _high_bit(file)
    patterns = np.arange(2**16)
    outside = patterns & ~((2**bits - 1) << (high_bit + 1 - bits)) & ~_overlay_bits(file)
    allowed = outside == 0
    if file.PixelRepresentation == 1:
        negative = patterns >> high_bit & 1 == 1
        above = (-1 << (high_bit + 1)) & (2 ** (8 * cells.itemsize) - 1) & ~_overlay_bits(file)
        allowed |= negative & (outside == above)
    if not allowed[cells].all():
        raise Unreadable(
            f"pixels outside the {bits} Bits Stored below High Bit {high_bit}: correct these two"
        )
    return cells


def _overlay_bits(file: Dataset) -> int:
    """Return the bits of a cell that hold overlays, which older files keep beside the pixels."""
    found = 0
    for group in range(0x6000, 0x6020, 2):
        if (group, 0x0102) in file and (group, 0x3000) not in file:
            found |= 1 << file[group, 0x0102].value
    return found


def _shades(file: Dataset) -> np.ndarray:
    """Return the grey, uint8, of each pattern of 16 bits that a pixel's cell can have."""
    bits = file.BitsStored
    stored = np.arange(2**bits)
    if file.PixelRepresentation == 1:
        stored = np.where(stored < 2 ** (bits - 1), stored, stored - 2**bits)
    shades = _window(_modality(stored, file), file)
    if file.PhotometricInterpretation == "MONOCHROME1":
        shades = 255 - shades
    patterns = np.arange(2**16) >> (_high_bit(file) + 1 - bits)
    return shades[patterns & (2**bits - 1)]


def _modality(stored: np.ndarray, file: Dataset) -> np.ndarray:
    slope, intercept = _first(file.get("RescaleSlope")), _first(file.get("RescaleIntercept"))
    if file.get("ModalityLUTSequence"):
        if slope not in (None, 1) or intercept not in (None, 0):
            raise Unreadable("a Modality LUT Sequence contradicts the Rescale Slope or Intercept")
        return _look_up(stored, file.ModalityLUTSequence[0], file)[0]
    if slope == 0:
        raise Unreadable("Rescale Slope 0 makes all pixels equal")
    return stored * (1 if slope is None else slope) + (intercept or 0)


def _window(values: np.ndarray, file: Dataset) -> np.ndarray:
    """Map values to uint8 by the first VOI LUT, else the first window, else their range."""
    voi_lut = file.get("VOILUTSequence")
    center, width = _first(file.get("WindowCenter")), _first(file.get("WindowWidth"))
    function = (file.get("VOILUTFunction") or "LINEAR").strip().upper()
    if voi_lut and "LUTData" in voi_lut[0]:
        values, bits = _look_up(values, voi_lut[0], file)
        lowest, highest = 0, 2**bits - 1
    elif None not in (center, width) and width >= (1 if function == "LINEAR" else 1e-6):
        to_8_bits = Dataset()
        to_8_bits.WindowCenter, to_8_bits.WindowWidth = center, width
        to_8_bits.VOILUTFunction = function
        to_8_bits.PhotometricInterpretation = "MONOCHROME2"
        to_8_bits.BitsStored, to_8_bits.PixelRepresentation = 8, 0
        values, lowest, highest = pixels.apply_windowing(values, to_8_bits), 0, 255
    else:
        lowest, highest = values.min(), values.max()
    if lowest == highest:
        raise Unreadable("a Modality LUT that makes all pixels equal")
    shades = np.rint((values - lowest) * (255 / (highest - lowest)))
    return np.clip(shades, 0, 255).astype(np.uint8)


def _look_up(values: np.ndarray, lut: Dataset, file: Dataset) -> tuple[np.ndarray, int]:
    """Return the entries of a LUT for these values, and the bits of an entry.

    Not pydicom's `apply_modality_lut` and `apply_voi`: they refuse entries of 9 to 15 bits or of
    two in a word, and wrap positions around where entries have 8 bits.
    """
    number, first, bits = lut.LUTDescriptor
    number = number or 2**16
    entries = lut.LUTData
    order = "<" if file.file_meta.TransferSyntaxUID.is_little_endian else ">"
    if not isinstance(entries, bytes):
        entries = np.array(entries, f"{order}u2").tobytes()
    if len(entries) < 2 * number and bits <= 8:  # two entries in a word, the first in its low byte
        entries = np.frombuffer(entries, f"{order}u2").astype("<u2").view(np.uint8)[:number]
    else:
        entries = np.frombuffer(entries, f"{order}u2")[:number]
    if len(entries) != number or entries.max() >= 2**bits:
        raise Unreadable(f"a LUT that is not of {number} entries of {bits} bits, as it says")
    if first >= 2**15 and values.min() < 0:  # a negative number that was read as unsigned
        first -= 2**16
    return entries[np.clip(np.rint(values) - first, 0, number - 1).astype(int)].astype(int), bits


def _first(value: object) -> float | None:
    """Return the first of one or several numbers, None where there is none."""
    values = np.atleast_1d(np.array("" if value is None else value, dtype=object))
    return float(values[0]) if len(values) and values[0] != "" else None
