"""DICOM radiographs: the header and the uint8 grey pixels of a file.

Apart from `radiographs`, which imports it for DICOM files alone: training needs no pydicom.
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

PREAMBLE = 128
NATIVE = (uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian)
JPEGS = (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEG2000Lossless, uid.JPEG2000)
END_OF_JPEG = b"\xff\xd9"
CONVERT = "convert the file to an uncompressed one, such as with `gdcmconv --raw`"
MEANINGS = {
    *((1, grey) for grey in ("MONOCHROME1", "MONOCHROME2")),
    *((3, colour) for colour in ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")),
}

# What pydicom remarks on sloppy headers would fill the logs, with patients' data among it.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"pydicom\b")


def read(data: bytes) -> Dataset:
    """Read a DICOM file that holds one radiograph, and check that it is whole.

    Nothing is decompressed. Raises `Truncated` when the file or its pixel data end too early,
    else `Unreadable`: no image, several frames, an unknown compression, no 8 to 16 bits.
    """
    with _refusing():
        _refuse_deflated(data)
        file = pydicom.dcmread(io.BytesIO(data))
        _check_image(file)
        if file.file_meta.TransferSyntaxUID in NATIVE:
            if len(file.PixelData) < pixels.utils.get_expected_length(file):
                raise Truncated("the pixel data are shorter than the header says")
        else:
            _check_compressed(file)
    return file


def size(file: Dataset) -> tuple[int, int]:
    """Return (width, height)."""
    return file.Columns, file.Rows


def grey(file: Dataset) -> np.ndarray:
    """Return uint8 (height, width), bone white, of what `read` returns.

    The stored values go through the modality LUT or rescale, then through the first VOI LUT or
    window. Without either, the range of the stored bits becomes 0 to 255. MONOCHROME1 is
    inverted; colour becomes luma (ITU-R 601-2).
    Raises `Unreadable` when the pixel data cannot be decompressed.
    """
    with _refusing():
        stored = pixels.pixel_array(file)
        if stored.shape[:2] != (file.Rows, file.Columns):
            raise Unreadable(f"pixels of {stored.shape}, where the header says {size(file)}")
        if file.SamplesPerPixel > 1:
            return np.asarray(Image.fromarray(stored).convert("L"))
        # A table of all values, for it is smaller than the image; bits beyond those stored are
        # not the image's.
        return _shades(file)[stored.astype(np.uint16) & (2**file.BitsStored - 1)]


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn any error of pydicom's, which a damaged file can lead to any, into `Unreadable`."""
    try:
        yield
    except (Unreadable, MemoryError):
        raise
    except (EOFError, struct.error, BytesLengthException) as error:
        raise Truncated("the end of the file, or of a part of its header, is missing") from error
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise Unreadable(f"no readable DICOM ({reason or type(error).__name__})") from error


def _refuse_deflated(data: bytes) -> None:
    """Refuse a deflated file, which pydicom would inflate to any size as it reads it."""
    syntax = data.find(b"\x02\x00\x10\x00UI", PREAMBLE, PREAMBLE + 1024) + 8
    if data.startswith(uid.DeflatedExplicitVRLittleEndian.encode(), syntax):
        raise Unreadable(f"{uid.DeflatedExplicitVRLittleEndian.name} is not supported: {CONVERT}")


def _check_image(file: Dataset) -> None:
    if "PixelData" not in file:
        kind = file.file_meta.get("MediaStorageSOPClassUID", uid.UID(""))
        if len(file) == 0 or "Image Storage" in kind.name:
            raise Truncated("the pixel data are missing")
        raise Unreadable(f"a DICOM file without an image ({kind.name or 'of no class'})")
    if file.file_meta.get("TransferSyntaxUID") is None:
        raise Unreadable("its header does not name the transfer syntax")
    if not all(isinstance(side, int) for side in size(file)):
        raise Unreadable(f"{size(file)} is no size of an image")
    frames = int(file.get("NumberOfFrames") or 1)
    if frames > 1:
        raise Unreadable(f"{frames} frames: split the file into one per radiograph")
    samples, meaning = file.SamplesPerPixel, file.PhotometricInterpretation
    if (samples, meaning) not in MEANINGS:
        raise Unreadable(f"{meaning} pixels of {samples} values: convert the file to MONOCHROME2")
    accepted = range(8, 17) if samples == 1 else [8]
    if file.BitsAllocated not in (8, 16) or file.BitsStored not in accepted:
        raise Unreadable(
            f"{file.BitsStored} of {file.BitsAllocated} bits, grey of 8 to 16 or colour of "
            "3 × 8 bits is accepted"
        )
    if file.BitsStored > file.BitsAllocated:
        raise Unreadable(f"{file.BitsStored} bits stored in {file.BitsAllocated}")


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
    if syntax not in JPEGS:
        return
    frame = get_frame(file.PixelData, 0, number_of_frames=1)
    if END_OF_JPEG not in frame[-16:]:
        raise Truncated("the end of the compressed image is missing")
    try:
        with Image.open(io.BytesIO(frame), formats=("JPEG", "JPEG2000")) as image:
            found = image.size
    except Exception as error:
        raise Unreadable(f"{syntax.name} data that cannot be read: {CONVERT}") from error
    if found != size(file):
        raise Unreadable(f"a compressed image of {found}, where the header says {size(file)}")


def _shades(file: Dataset) -> np.ndarray:
    """Return the grey, uint8, of each pattern of stored bits."""
    patterns = np.arange(2**file.BitsStored)
    negative = (file.PixelRepresentation == 1) & (patterns >= len(patterns) // 2)
    values = pixels.apply_modality_lut(patterns - negative * len(patterns), file)
    voi_lut, window = file.get("VOILUTSequence"), _window(file)
    if voi_lut and "LUTData" in voi_lut[0]:
        values, lowest, highest = _looked_up(values, file)
    elif window:
        values, lowest, highest = pixels.apply_windowing(values, window), 0, 255
    else:
        lowest, highest = values.min(), values.max()
    shades = np.rint((values - lowest) * (255 / (highest - lowest)))
    shades = np.clip(shades, 0, 255).astype(np.uint8)
    return 255 - shades if file.PhotometricInterpretation == "MONOCHROME1" else shades


def _looked_up(values: np.ndarray, file: Dataset) -> tuple[np.ndarray, int, int]:
    descriptor = file.VOILUTSequence[0].LUTDescriptor
    entries, first, bits = descriptor[0] or 2**16, descriptor[1], descriptor[2]
    descriptor[2] = max(bits, 16)  # with 8, pydicom would count the entries in 8 bits too
    places = np.clip(np.rint(values), first, first + entries - 1).astype(np.int32)
    return pixels.apply_voi(places, file), 0, 2**bits - 1


def _window(file: Dataset) -> Dataset | None:
    """Return the first window as a file of its own, which maps to 8 bits, where there is one."""
    center, width = (_first(file.get(name)) for name in ("WindowCenter", "WindowWidth"))
    function = (file.get("VOILUTFunction") or "LINEAR").upper()
    if center is None or width is None or width < (1 if function == "LINEAR" else 1e-6):
        return None
    window = Dataset()
    window.WindowCenter, window.WindowWidth, window.VOILUTFunction = center, width, function
    window.PhotometricInterpretation = "MONOCHROME2"
    window.BitsStored, window.PixelRepresentation = 8, 0
    return window


def _first(value: object) -> float | None:
    values = np.atleast_1d(np.array("" if value is None else value, dtype=object))
    return float(values[0]) if len(values) and values[0] != "" else None
