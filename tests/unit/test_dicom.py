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
from PIL import Image
from pydicom import Dataset, dcmread, pixels, uid
from pydicom.encaps import encapsulate, get_frame

import whole
from cxrnoise.images import dicom, packing, radiographs
from cxrnoise.images.radiographs import Truncated, Unreadable
from tiny import COMPRESSED, png, size
from tiny import dicom as make

# What pydicom remarks on damaged files, as `dicom` itself leaves it out of the logs.
pytestmark = pytest.mark.filterwarnings("ignore:::pydicom")

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


def all_values(bits, signed):
    """All values of so many bits, in rows of 256."""
    return ramp(np.int16 if signed else np.uint16, bits).reshape(-1, 256)


# The same radiograph as a PNG


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: syntax.name)
@pytest.mark.parametrize("pixels", [GREY, WIDE], ids=["8 bits", "16 bits"])
def test_an_image_has_the_same_pixels_as_a_png_and_as_a_lossless_dicom_file(syntax, pixels):
    data = make(pixels, syntax)
    assert size(data) == size(png(pixels)) == (20, 24)
    np.testing.assert_array_equal(radiographs.decode(data), radiographs.decode(png(pixels)))
    np.testing.assert_array_equal(
        radiographs.decode_resized(data, 8, "lanczos"),
        radiographs.decode_resized(png(pixels), 8, "lanczos"),
    )


def test_a_shard_has_the_digest_of_the_dicom_file(tmp_path):
    with packing.writing(tmp_path / "000.h5", 8, "box", "{}", images=1) as writer:
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


def with_overlay(pixels, bit, **elements):
    """A file whose pixels hold an overlay in one of the bits that the image leaves free."""
    drawn = pixels | (RNG.integers(0, 2, pixels.shape) << bit).astype(np.uint16)
    file = dcmread(io.BytesIO(make(drawn, **elements)))
    file.add_new((0x6000, 0x0100), "US", 16)
    file.add_new((0x6000, 0x0102), "US", bit)
    stream = io.BytesIO()
    file.save_as(stream)
    return stream.getvalue()


@pytest.mark.parametrize(("shift", "bit"), [(0, 12), (0, 15), (4, 0), (4, 3)])
def test_overlays_in_bits_beyond_those_stored_are_ignored(shift, bit):
    placed = {"BitsStored": 12, "HighBit": 11 + shift}
    np.testing.assert_array_equal(
        radiographs.decode(with_overlay(TWELVE << shift, bit, **placed)),
        radiographs.decode(make(TWELVE, **TWELVE_BITS)),
    )


@given(st.integers(8, 16), st.integers(0, 8), st.booleans())
def test_the_high_bit_says_where_the_stored_bits_lie(bits, shift, signed):
    shift = min(shift, 16 - bits)
    stored = all_values(bits, signed)
    elements = {"BitsStored": bits, "PixelRepresentation": int(signed)}
    low = make(stored, HighBit=bits - 1, **elements)
    high = make((stored << shift).astype(stored.dtype), HighBit=bits - 1 + shift, **elements)
    np.testing.assert_array_equal(radiographs.decode(high), radiographs.decode(low))
    read = dcmread(io.BytesIO(low))
    expected = np.linspace(0, 255, 2**bits)[pixels.pixel_array(read) - int(stored.min())]
    np.testing.assert_array_equal(radiographs.decode(low), np.rint(expected))


def test_negative_values_may_leave_the_bits_above_empty():
    signed = ramp(np.int16)
    cleared = make(signed & 0xFFF, PixelRepresentation=1, **TWELVE_BITS)
    np.testing.assert_array_equal(
        radiographs.decode(cleared), radiographs.decode(make(signed, **TWELVE_BITS))
    )


@pytest.mark.parametrize(
    ("stored", "bits", "high_bit"),
    [
        (TWELVE, 12, 15),  # in the lower bits, where the header says the upper ones
        (TWELVE << 4, 12, 11),
        (WIDE >> 2, 12, 11),  # 14 bits
        (WIDE, 10, 12),
    ],
)
def test_pixels_outside_the_bits_of_the_header_are_unreadable(stored, bits, high_bit):
    data = make(stored, BitsStored=bits, HighBit=high_bit)
    for read in (radiographs.describe, radiographs.decode):
        with pytest.raises(Unreadable, match=f"outside the {bits} Bits Stored"):
            read(data)


@given(
    bits=st.integers(8, 16),
    signed=st.booleans(),
    slope=st.sampled_from([None, 1, 0.25, 3]),
    intercept=st.sampled_from([0, -1024, 500.5]),
    window=st.none() | st.tuples(st.integers(-500, 5000), st.integers(2, 6000)),
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
    inverted=st.booleans(),
    syntax=st.sampled_from(LOSSLESS[:4]),
)
def test_grey_values_are_those_of_pydicom(
    bits, signed, slope, intercept, window, function, inverted, syntax
):
    elements = {"BitsStored": bits, "HighBit": bits - 1}
    if slope:
        elements |= {"RescaleSlope": slope, "RescaleIntercept": intercept}
    if window:
        elements |= {"WindowCenter": window[0], "WindowWidth": window[1]}
        elements["VOILUTFunction"] = function
    if inverted:
        elements |= {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"}
    stored = all_values(bits, signed)
    data = make(stored, syntax, **elements)
    file = dcmread(io.BytesIO(data))
    ends = pixels.apply_modality_lut(np.array([stored.min(), stored.max()], float), file)
    values = pixels.apply_modality_lut(pixels.pixel_array(file), file)
    values = pixels.apply_voi_lut(values, file)
    expected = (values - ends[0]) / (ends[1] - ends[0]) * 255
    shown = radiographs.decode(data)
    np.testing.assert_allclose(shown, 255 - expected if inverted else expected, atol=0.51)


@given(
    bits=st.sampled_from([8, *range(10, 17)]),
    first=st.integers(0, 300),
    number=st.integers(2, 1000),
    kind=st.sampled_from(["ModalityLUT", "VOILUT"]),
    seed=st.integers(0, 99),
)
def test_lookup_tables_are_those_of_pydicom(bits, first, number, kind, seed):
    entries = np.random.default_rng(seed).integers(0, 2**bits, number)
    entries[:2] = 0, 2**bits - 1
    lut = table(first, entries.tolist(), bits, kind)
    shown = radiographs.decode(make(ramp(), **lut, **TWELVE_BITS))
    wide = table(first, entries.tolist(), 16, kind)  # pydicom reads no modality LUT of 12 bits
    file = dcmread(io.BytesIO(make(ramp(), **wide, **TWELVE_BITS)))
    values = pixels.apply_modality_lut(pixels.pixel_array(file), file)
    values = pixels.apply_voi_lut(values, file)
    np.testing.assert_array_equal(shown, np.rint(values * (255 / (2**bits - 1))))


def test_a_lut_of_8_bits_may_have_two_entries_in_a_word():
    curve = RNG.integers(0, 256, 256)
    curve[0], curve[255] = 255, 0
    packed = table(0, np.zeros(256, int).tolist(), 8)
    packed["VOILUTSequence"][0].add_new("LUTData", "OW", curve.astype(np.uint8).tobytes())
    shown = radiographs.decode(make(np.arange(256, dtype=np.uint8)[None], **packed))
    np.testing.assert_array_equal(shown[0], curve)


@pytest.mark.parametrize(
    ("meaning", "shape", "inverted"),
    [
        ("MONOCHROME1", "INVERSE", True),
        ("MONOCHROME1", None, True),
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME2", "", False),
    ],
)
def test_the_presentation_lut_shape_repeats_the_photometric_interpretation(
    meaning, shape, inverted
):
    elements = {} if shape is None else {"PresentationLUTShape": shape}
    shown = radiographs.decode(make(GREY, PhotometricInterpretation=meaning, **elements))
    np.testing.assert_array_equal(shown, 255 - GREY if inverted else GREY)


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
        for read in (radiographs.describe, radiographs.decode):
            with pytest.raises(Truncated):
                read(data[:length])

    cut()


def test_pixel_data_shorter_than_rows_and_columns_are_truncated():
    data = make(GREY, PixelData=GREY.tobytes()[:-2])
    with pytest.raises(Truncated, match="shorter than the header says"):
        radiographs.describe(data)


def test_a_compressed_image_that_was_cut_before_it_was_wrapped_is_truncated(monkeypatch):
    whole = COMPRESSED[uid.JPEGBaseline8Bit]
    monkeypatch.setitem(COMPRESSED, uid.JPEGBaseline8Bit, lambda pixels: whole(pixels)[:-100])
    with pytest.raises(Truncated, match="the end of the file is missing"):
        radiographs.describe(make(GREY, uid.JPEGBaseline8Bit))


@pytest.mark.parametrize("syntax", [uid.JPEGBaseline8Bit, uid.JPEG2000Lossless, uid.RLELossless])
@given(share=st.floats(0.05, 0.95))
def test_a_compressed_image_that_was_cut_and_ended_again_is_unreadable(syntax, share):
    file = dcmread(io.BytesIO(make(GREY, syntax)))
    frame = get_frame(file.PixelData, 0, number_of_frames=1)
    end = b"" if syntax == uid.RLELossless else b"\xff\xd9"
    file.PixelData = encapsulate([frame[: int(len(frame) * share)] + end])
    stream = io.BytesIO()
    file.save_as(stream)
    with pytest.raises(Unreadable):
        radiographs.decode(stream.getvalue())
    if syntax != uid.RLELossless:  # which only decompressing shows
        with pytest.raises(Unreadable):
            radiographs.describe(stream.getvalue())


def test_fewer_bits_in_the_compressed_image_than_the_header_says_are_refused():
    eight = Image.fromarray(GREY)
    stream = io.BytesIO()
    eight.save(stream, "JPEG2000", no_jp2=True)
    data = make(WIDE, uid.JPEG2000Lossless, PixelData=encapsulate([stream.getvalue()]))
    with pytest.raises(Unreadable, match="8 bits in the compressed image.* High Bit 15"):
        radiographs.describe(data)
    data = make(GREY, uid.JPEGBaseline8Bit, BitsAllocated=16, BitsStored=12, HighBit=11)
    with pytest.raises(Unreadable, match="8 bits in the compressed image.* High Bit 11"):
        radiographs.describe(data)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_dicom_file_is_decoded_or_unreadable(name):
    data = FILES[name]

    @given(st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(1, 255)), max_size=4))
    def damage(changes):
        damaged = bytearray(data)
        for position, change in changes:
            damaged[position] ^= change
        for read in (radiographs.describe, radiographs.decode):
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
        ({"HighBit": 8}, "8 Bits Allocated, 8 Bits Stored and High Bit 8 contradict"),
        ({"HighBit": 6}, "8 Bits Stored and High Bit 6 contradict"),
        ({"BitsStored": 12}, "8 Bits Allocated, 12 Bits Stored and High Bit 7 contradict"),
        ({"PresentationLUTShape": "INVERSE"}, "INVERSE contradicts MONOCHROME2"),
        (
            {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "IDENTITY"},
            "IDENTITY contradicts MONOCHROME1",
        ),
        ({"PresentationLUTShape": "LIN OD"}, "LIN OD contradicts"),
        ({"RescaleSlope": 0, "RescaleIntercept": 1}, "Rescale Slope 0"),
        ({"RescaleSlope": 2, **table(0, [0, 255], 8, "ModalityLUT")}, "contradicts the Rescale"),
        (table(0, [0, 256], 8), "a LUT that is not of 2 entries of 8 bits"),
        (table(0, [7, 7], 8, "ModalityLUT"), "all pixels equal"),
        ({"WindowCenter": 1, "WindowWidth": 2, "VOILUTFunction": "CUBIC"}, "CUBIC"),
        ({"PixelData": bytes(960)}, "960 bytes of pixels, where the header says 480"),
        ({"Rows": 10_001, "Columns": 1, "PixelData": bytes(10_002)}, "1×10001 pixels"),
        ({"Rows": 0}, "20×0 pixels"),
        ({"Rows": [24, 24]}, "no size of an image"),
        ({"Rows": None}, "Rows"),
        ({"PixelData": None, "SOPClassUID": uid.BasicTextSRStorage}, "without an image"),
    ],
)
def test_what_is_no_single_radiograph_is_refused_in_a_sentence(elements, sentence):
    data = make(GREY, **elements)
    for read in (radiographs.describe, radiographs.decode):
        with pytest.raises(Unreadable, match=sentence):
            read(data)


def test_an_unsupported_compression_is_named_with_what_to_do():
    with pytest.raises(Unreadable, match="JPEG-LS Lossless .* not supported here: convert .*pylib"):
        radiographs.describe(make(GREY, uid.JPEGLSLossless))


def test_a_compressed_bomb_in_a_small_header_is_refused():
    large = make(np.zeros((300, 300), np.uint8), uid.JPEG2000Lossless, Rows=3, Columns=3)
    with pytest.raises(Unreadable, match=r"compressed image of \(300, 300\)"):
        radiographs.decode(large)


def test_a_deflated_file_has_the_same_pixels():
    file = dcmread(io.BytesIO(FILES["native"]))
    file.file_meta.TransferSyntaxUID = uid.DeflatedExplicitVRLittleEndian
    stream = io.BytesIO()
    file.save_as(stream)
    np.testing.assert_array_equal(radiographs.decode(stream.getvalue()), GREY)


# Set-up


def test_training_needs_no_pydicom():
    library = Path(dicom.__file__).parents[2]
    code = "import sys; from cxrnoise.networks import inputs; sys.exit('pydicom' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(library)}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0


# What of the header stays behind

PERSON = {
    "PatientName": "DOE^ELEONORE",
    "PatientID": "MRN8812345",
    "PatientBirthDate": "19480229",
    "PatientAddress": "Elm Street 13",
    "PatientComments": "mayor of Springwood",
    "InstitutionName": "Saint Eligius",
    "ReferringPhysicianName": "CRAIG^MARK",
    "AccessionNumber": "ACC778899",
    "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.1",
    "StudyDate": "20190704",
    "StudyDescription": "referred by Westphall",
    "ImageComments": "known to Ehrlich",
}


def test_nothing_of_a_header_gets_into_the_listing_the_index_or_a_shard(tmp_path, caplog):
    """The pixels are copied, and of the header only what a radiograph is and how it hangs."""
    person = PERSON | {"ViewPosition": "PA"}
    files = {
        "a.dcm": make(GREY, **person),
        "b.dcm": make(GREY, uid.JPEG2000Lossless, **person),
        "cut.dcm": make(GREY, **person)[:-9],
        "odd.dcm": make(GREY, **person | {"BodyPartExamined": "SKULL"}),
        "frames.dcm": make(GREY, **person, NumberOfFrames=7),
    }
    (tmp_path / "images").mkdir()
    for name, data in files.items():
        (tmp_path / "images" / name).write_bytes(data)
    (tmp_path / "table.csv").write_text("\n".join(["image,patient", *(f"{a},p" for a in files)]))
    listing = whole.listings(tmp_path / "images")
    index, report = whole.index(tmp_path / "table.csv", tmp_path / "images", 1, "table")
    assert {"", "truncated"} < set(listing["problem"])
    assert index["image"].tolist() == ["a.dcm", "b.dcm"]
    with packing.writing(tmp_path / "000.h5", 8, "box", "{}", images=2) as writer:
        packing.pack_files(index, writer)
    written = [table.to_csv().encode() for table in (listing, index, report)]
    written += [(tmp_path / "000.h5").read_bytes(), caplog.text.encode()]
    for value in PERSON.values():
        parts = value.encode().split(b"^")
        assert not [part for part in parts if any(part in data for data in written)]
