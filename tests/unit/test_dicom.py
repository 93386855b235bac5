import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread, uid

from cxrnoise.images import dicom, radiographs, shards
from cxrnoise.images.radiographs import Truncated, Unreadable
from tiny import COMPRESSED, png
from tiny import dicom as make

# What pydicom remarks on damaged files, as `dicom` itself leaves it out of the logs.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (24, 20), dtype=np.uint8)
WIDE = RNG.integers(0, 65536, (24, 20), dtype=np.uint16)
TWELVE = RNG.integers(0, 4096, (24, 20), dtype=np.uint16)
LOSSLESS = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.RLELossless,
    uid.JPEG2000Lossless,
)
TWELVE_BITS = {"BitsStored": 12, "HighBit": 11}
FILES = {
    "native": make(GREY),
    "16 bits": make(WIDE),
    "RLE": make(GREY, uid.RLELossless),
    "JPEG": make(GREY, uid.JPEGBaseline8Bit),
    "JPEG 2000": make(WIDE, uid.JPEG2000Lossless),
}


def table(first, entries, bits, kind="VOILUT", vr="US"):
    """A modality or VOI LUT of these entries for the stored values from `first` on."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries), first, bits])
    data = entries if vr == "US" else np.array(entries, "<u2").tobytes()
    item.add_new("LUTData", vr, data)
    return {f"{kind}Sequence": [item]}


def ramp(dtype=np.uint16, bits=12):
    """All values of so many bits, as one row."""
    lowest = -(2 ** (bits - 1)) if np.dtype(dtype).kind == "i" else 0
    return (np.arange(2**bits) + lowest).astype(dtype)[None]


# The same radiograph as a PNG


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: syntax.name)
@pytest.mark.parametrize("pixels", [GREY, WIDE], ids=["8 bits", "16 bits"])
def test_an_image_has_the_same_pixels_as_a_png_and_as_a_lossless_dicom_file(syntax, pixels):
    data = make(pixels, syntax)
    assert radiographs.dimensions(data) == radiographs.dimensions(png(pixels)) == (20, 24)
    np.testing.assert_array_equal(radiographs.decode(data), radiographs.decode(png(pixels)))
    np.testing.assert_array_equal(
        radiographs.decode_resized(data, 8, "lanczos"),
        radiographs.decode_resized(png(pixels), 8, "lanczos"),
    )


def test_a_shard_has_the_digest_of_the_dicom_file(tmp_path):
    with shards.writing(tmp_path / "000.h5", 8, "box", "{}", images=1) as writer:
        writer.add("a.dcm", FILES["native"])
    with h5py.File(tmp_path / "000.h5") as file:
        assert list(file["sha256"]) == [hashlib.sha256(FILES["native"]).hexdigest().encode()]


# What the stored values mean


@given(st.integers(8, 16), st.integers(0, 65535))
def test_each_number_of_bits_is_rounded_over_its_full_scale(bits, value):
    value %= 2**bits
    pixels = np.full((1, 2), value, np.uint16)
    shown = radiographs.decode(make(pixels, BitsStored=bits, HighBit=bits - 1))
    assert (shown == round(value / (2**bits - 1) * 255)).all()


@pytest.mark.parametrize("pixels", [GREY, WIDE], ids=["8 bits", "16 bits"])
def test_monochrome1_is_inverted_so_that_bone_is_white(pixels):
    shown = radiographs.decode(make(pixels, PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_array_equal(shown, 255 - radiographs.decode(png(pixels)))


def test_a_window_of_monochrome1_is_inverted_after_it_was_applied():
    window = {"WindowCenter": 1024, "WindowWidth": 1024, **TWELVE_BITS}
    shown = radiographs.decode(make(ramp(), PhotometricInterpretation="MONOCHROME1", **window))[0]
    assert shown[:512].tolist() == [255] * 512 and shown[1536:].tolist() == [0] * 2560
    assert abs(int(shown[1024]) - 127) <= 1


def test_an_overlay_beside_the_stored_bits_is_ignored_and_other_bits_there_are_refused():
    beside = TWELVE | (RNG.integers(0, 2, TWELVE.shape) << 15).astype(np.uint16)
    beside[0, 0] |= 1 << 15
    with pytest.raises(Unreadable, match="pixels outside the 12 Bits Stored below High Bit 11"):
        radiographs.decode(make(beside, **TWELVE_BITS))
    file = dcmread(io.BytesIO(make(beside, **TWELVE_BITS)))
    file.add_new((0x6000, 0x0102), "US", 15)  # Overlay Bit Position
    np.testing.assert_array_equal(dicom.grey(file), radiographs.decode(make(TWELVE, **TWELVE_BITS)))


def test_values_that_are_stored_in_the_upper_bits_are_read_from_there():
    np.testing.assert_array_equal(
        radiographs.decode(make(TWELVE << 4, BitsStored=12, HighBit=15)),
        radiographs.decode(make(TWELVE, **TWELVE_BITS)),
    )


@pytest.mark.parametrize(
    ("meaning", "shape"), [("MONOCHROME2", "IDENTITY"), ("MONOCHROME1", "INVERSE")]
)
def test_a_presentation_lut_shape_says_the_polarity_again_or_is_refused(meaning, shape):
    own = {"PhotometricInterpretation": meaning}
    np.testing.assert_array_equal(
        radiographs.decode(make(GREY, PresentationLUTShape=shape, **own)),
        radiographs.decode(make(GREY, **own)),
    )
    other = {"IDENTITY": "INVERSE", "INVERSE": "IDENTITY"}[shape]
    with pytest.raises(Unreadable, match=f"Presentation LUT Shape {other} contradicts {meaning}"):
        radiographs.decode(make(GREY, PresentationLUTShape=other, **own))


def test_signed_values_go_from_black_at_the_lowest_to_white_at_the_highest():
    shown = radiographs.decode(make(ramp(np.int16), **TWELVE_BITS))
    np.testing.assert_array_equal(shown, radiographs.decode(make(ramp(), **TWELVE_BITS)))
    assert shown[0, 0] == 0 and shown[0, -1] == 255 and (np.diff(shown.astype(int)) >= 0).all()


@pytest.mark.parametrize(("slope", "white"), [(2, -1), (0.1, -1), (-1, 0)])
def test_a_rescale_alone_keeps_the_range_and_a_negative_slope_turns_it(slope, white):
    shown = radiographs.decode(make(ramp(), RescaleSlope=slope, RescaleIntercept=-7, **TWELVE_BITS))
    assert shown[0, white] == 255 and shown[0, -1 - white] == 0


@pytest.mark.parametrize("function", [None, "LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_a_window_counts_in_rescaled_values(function):
    chosen = {"VOILUTFunction": function} if function else {}
    window = {"WindowCenter": 1000, "WindowWidth": 200, "RescaleSlope": 2, "RescaleIntercept": -200}
    shown = radiographs.decode(make(ramp(), **window, **chosen, **TWELVE_BITS))[0].astype(int)
    assert abs(shown[600] - 128) <= 2  # 2 × 600 − 200 is the centre
    assert shown[0] == 0 and shown[-1] == 255
    if function != "SIGMOID":
        assert shown[548] == 0 and shown[652] == 255 and 0 < shown[551] < shown[649] < 255


def test_the_first_of_several_windows_is_taken():
    both = make(ramp(), WindowCenter=[500, 9], WindowWidth=[100, 9], **TWELVE_BITS)
    first = make(ramp(), WindowCenter=500, WindowWidth=100, **TWELVE_BITS)
    np.testing.assert_array_equal(radiographs.decode(both), radiographs.decode(first))


@pytest.mark.parametrize("width", ["", 0])
def test_a_window_without_a_width_is_none(width):
    without = make(TWELVE, **TWELVE_BITS)
    empty = make(TWELVE, WindowCenter=5, WindowWidth=width, **TWELVE_BITS)
    np.testing.assert_array_equal(radiographs.decode(empty), radiographs.decode(without))


@pytest.mark.parametrize("vr", ["US", "OW"])
@pytest.mark.parametrize(("bits", "entries"), [(8, 4096), (8, 256), (12, 4096), (16, 1000)])
def test_a_voi_lut_is_looked_up_and_comes_before_the_window(bits, entries, vr):
    curve = np.round((np.arange(entries) / (entries - 1)) ** 2 * (2**bits - 1)).astype(int)
    window = {"WindowCenter": 1, "WindowWidth": 1}
    lut = table(40, curve.tolist(), bits, vr=vr)
    shown = radiographs.decode(make(ramp(), **lut, **window, **TWELVE_BITS))[0]
    expected = curve[np.clip(np.arange(4096) - 40, 0, entries - 1)] * (255 / (2**bits - 1))
    np.testing.assert_array_equal(shown, np.rint(expected))


def test_a_modality_lut_comes_before_the_window():
    lut = table(0, (np.arange(4096)[::-1] * 16).tolist(), 16, "ModalityLUT")
    window = {"WindowCenter": 30_000, "WindowWidth": 10_000}
    shown = radiographs.decode(make(ramp(), **lut, **window, **TWELVE_BITS))[0].astype(int)
    assert shown[0] == 255 and shown[-1] == 0 and (np.diff(shown) <= 0).all()
    assert abs(shown[4095 - 30_000 // 16] - 128) <= 1


def test_a_colour_file_becomes_luma():
    rgb = np.dstack([GREY, GREY, GREY])
    np.testing.assert_array_equal(radiographs.decode(make(rgb)), GREY)


def test_a_jpeg_within_a_dicom_file_is_decoded():
    flat = np.full((24, 20), 77, np.uint8)
    np.testing.assert_array_equal(radiographs.decode(make(flat, uid.JPEGBaseline8Bit)), flat)


# Refused


@pytest.mark.parametrize("name", FILES)
def test_a_dicom_file_cut_anywhere_is_truncated(name):
    data = FILES[name]

    @given(st.integers(0, len(data) - 5))  # a delimiter's last four bytes are no pixels
    def cut(length):
        for read in (radiographs.dimensions, radiographs.decode):
            with pytest.raises(Truncated):
                read(data[:length])

    cut()


def test_pixel_data_shorter_than_rows_and_columns_are_truncated():
    data = make(GREY, PixelData=GREY.tobytes()[:-2])
    with pytest.raises(Truncated, match="shorter than the header says"):
        radiographs.dimensions(data)


def test_a_compressed_image_that_was_cut_before_it_was_wrapped_is_truncated(monkeypatch):
    whole = COMPRESSED[uid.JPEGBaseline8Bit]
    monkeypatch.setitem(COMPRESSED, uid.JPEGBaseline8Bit, lambda pixels: whole(pixels)[:-100])
    with pytest.raises(Truncated, match="end of the file is missing"):
        radiographs.dimensions(make(GREY, uid.JPEGBaseline8Bit))


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_dicom_file_is_decoded_or_unreadable(name):
    data = FILES[name]

    @given(st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(1, 255)), max_size=4))
    def damage(changes):
        damaged = bytearray(data)
        for position, change in changes:
            damaged[position] ^= change
        for read in (radiographs.dimensions, radiographs.decode):
            try:
                read(bytes(damaged))
            except Unreadable as error:
                assert str(error)

    damage()


@given(st.binary(max_size=200))
def test_any_bytes_after_the_preamble_are_unreadable(garbage):
    with pytest.raises(Unreadable):
        radiographs.decode(bytes(128) + b"DICM" + garbage)


@pytest.mark.parametrize(
    ("elements", "sentence"),
    [
        ({"NumberOfFrames": 2}, "2 frames: split the file"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "PALETTE COLOR pixels"),
        ({"BitsAllocated": 32, "BitsStored": 32}, "32 of 32 bits"),
        ({"BitsStored": 4}, "4 of 8 bits"),
        ({"Rows": 10_001, "Columns": 1, "PixelData": bytes(10_002)}, "1×10001 pixels"),
        ({"Rows": 0}, "20×0 pixels"),
        ({"Rows": [24, 24]}, "no size of an image"),
        ({"Rows": None}, "Rows"),
        ({"PixelData": None, "SOPClassUID": uid.BasicTextSRStorage}, "without an image"),
    ],
)
def test_what_is_no_single_radiograph_is_refused_in_a_sentence(elements, sentence):
    data = make(GREY, **elements)
    for read in (radiographs.dimensions, radiographs.decode):
        with pytest.raises(Unreadable, match=sentence):
            read(data)


def test_an_unsupported_compression_is_named_with_what_to_do():
    with pytest.raises(Unreadable, match="JPEG-LS Lossless .* not supported here: convert .*pylib"):
        radiographs.dimensions(make(GREY, uid.JPEGLSLossless))


def test_a_compressed_bomb_in_a_small_header_is_refused():
    large = make(np.zeros((300, 300), np.uint8), uid.JPEG2000Lossless, Rows=3, Columns=3)
    with pytest.raises(Unreadable, match=r"compressed image of \(300, 300\)"):
        radiographs.decode(large)


# Set-up


def test_training_needs_no_pydicom():
    library = Path(dicom.__file__).parents[2]
    code = "import sys; from cxrnoise.networks import inputs; sys.exit('pydicom' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(library)}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0
