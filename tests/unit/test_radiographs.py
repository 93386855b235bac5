import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cxrnoise.images import radiographs
from cxrnoise.images.radiographs import Truncated, Unreadable
from tiny import jpeg, png, size

GREY = np.random.default_rng(0).integers(0, 256, (24, 20), dtype=np.uint8)
GREY_PNG = png(GREY)
GREY_JPEG = jpeg(GREY, quality=95)
COLOUR_JPEG = jpeg(Image.merge("RGB", [Image.fromarray(GREY)] * 3), progressive=True, quality=95)


def rgba(alpha):
    return Image.fromarray(np.dstack([GREY, GREY, GREY, np.full_like(GREY, alpha)]))


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(GREY),
        Image.merge("LA", [Image.fromarray(GREY), Image.new("L", (20, 24), 7)]),
        Image.merge("RGB", [Image.fromarray(GREY)] * 3),
        rgba(255),
        rgba(0),
        Image.fromarray(GREY).convert("P"),
        Image.fromarray(GREY.astype(np.uint16) * 257),
    ],
    ids=["L", "LA", "RGB", "RGBA", "RGBA transparent", "P", "I;16"],
)
def test_a_grey_image_has_the_same_pixels_whatever_its_mode(image):
    np.testing.assert_array_equal(radiographs.decode(png(image)), GREY)


def test_one_bit_becomes_black_and_white():
    bits = GREY > 127
    np.testing.assert_array_equal(radiographs.decode(png(Image.fromarray(bits))), bits * 255)


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=50))
def test_sixteen_bits_are_rounded_over_the_full_scale(values):
    pixels = np.array([values], np.uint16)
    expected = np.round(pixels / 65535 * 255).astype(np.uint8)
    np.testing.assert_array_equal(radiographs.decode(png(pixels)), expected)


@pytest.mark.parametrize("resampling", sorted(radiographs.RESAMPLING))
def test_decoding_and_resizing_at_once_gives_what_both_give(resampling):
    expected = radiographs.resize(radiographs.decode(png(rgba(9))), 8, resampling)
    pixels = radiographs.decode_resized(png(rgba(9)), 8, resampling)
    assert pixels.shape == (8, 8) and pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, expected)


@given(st.integers(0, len(GREY_PNG) - 1))
def test_a_png_cut_anywhere_is_truncated(length):
    with pytest.raises(Truncated):
        radiographs.describe(GREY_PNG[:length])


@given(st.integers(0, len(GREY_PNG) - 1), st.integers(1, 255))
def test_a_png_with_one_wrong_byte_is_refused(position, change):
    damaged = bytearray(GREY_PNG)
    damaged[position] ^= change
    with pytest.raises(Unreadable):
        radiographs.describe(bytes(damaged))


def test_a_whole_png_tells_its_width_and_height():
    assert size(GREY_PNG) == (20, 24)


@pytest.mark.parametrize("data", [GREY_PNG, GREY_JPEG, COLOUR_JPEG, b"", bytes(128) + b"DICM"])
def test_any_bytes_are_decoded_or_unreadable(data):
    @given(st.binary(max_size=60), st.integers(0, len(data)))
    def garble(garbage, length):
        for read in (radiographs.describe, radiographs.decode):
            try:
                read(data[:length] + garbage)
            except Unreadable as error:
                assert str(error)

    garble()


@pytest.mark.parametrize("data", [b"GIF89a", b"\x89PNG\n", bytes(300)])
def test_another_format_is_refused_by_its_bytes(data):
    for read in (radiographs.describe, radiographs.decode):
        with pytest.raises(Unreadable, match="neither PNG, JPEG nor DICOM"):
            read(data)


# JPEG


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_becomes_the_grey_that_it_shows(mode):
    ramp = np.repeat(np.arange(0, 256, 8, dtype=np.uint8)[None], 16, axis=0)
    data = jpeg(Image.fromarray(ramp).convert("RGB").convert(mode), quality=100)
    assert size(data) == (32, 16)
    shown = radiographs.decode(data)
    assert shown.dtype == np.uint8
    np.testing.assert_allclose(shown, ramp, atol=3)


def test_the_orientation_tag_of_a_jpeg_is_ignored():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = jpeg(GREY, quality=95, exif=exif)
    assert size(data) == (20, 24)
    np.testing.assert_array_equal(radiographs.decode(data), radiographs.decode(GREY_JPEG))


@pytest.mark.parametrize("data", [GREY_JPEG, COLOUR_JPEG], ids=["baseline", "progressive"])
def test_a_jpeg_cut_anywhere_is_truncated(data):
    for length in range(len(data)):
        for read in (radiographs.describe, radiographs.decode):
            with pytest.raises(Truncated):
                read(data[:length])


def test_a_jpeg_within_the_header_of_a_jpeg_does_not_end_it():
    data = GREY_JPEG[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(GREY_JPEG)) + GREY_JPEG
    with pytest.raises(Truncated):
        radiographs.describe(data)
    whole = data + GREY_JPEG[2:]
    np.testing.assert_array_equal(radiographs.decode(whole), radiographs.decode(GREY_JPEG))


@given(
    st.lists(
        st.tuples(st.integers(0, len(COLOUR_JPEG) - 1), st.integers(1, 255)), min_size=1, max_size=4
    )
)
def test_a_damaged_jpeg_is_decoded_or_unreadable(changes):
    damaged = bytearray(COLOUR_JPEG)
    for position, change in changes:
        damaged[position] ^= change
    for read in (radiographs.describe, radiographs.decode):
        try:
            read(bytes(damaged))
        except Unreadable as error:
            assert str(error)


def test_a_jpeg_without_pixels_is_refused():
    scan = GREY_JPEG.index(b"\xff\xda")
    with pytest.raises(Unreadable, match="without pixels"):
        radiographs.describe(GREY_JPEG[:scan] + b"\xff\xd9")


# Sizes


WAYS = {
    "baseline": {},
    "optimized": {"optimize": True},
    "best quality": {"quality": 100},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 1},
    "rows": {"restart_marker_rows": 1},
    "progressive rows": {"progressive": True, "restart_marker_rows": 1},
}


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("way", WAYS)
def test_a_jpeg_that_was_cut_and_ended_again_is_truncated_or_shows_all(way, mode):
    data = jpeg(Image.fromarray(GREY).convert("RGB").convert(mode), **WAYS[way])
    shown = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
    np.testing.assert_array_equal(radiographs.decode(data), shown)

    @given(st.integers(data.index(b"\xff\xda"), len(data) - 5))
    def cut(length):
        try:
            pixels = radiographs.decode(data[:length] + b"\xff\xd9")
        except Truncated:
            return
        different = np.argwhere(pixels != shown)
        assert (different >= 16).all()  # nothing that is seen was cut off, but in the last block

    cut()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("share", [0.1, 0.4, 0.9, 0.999])
def test_a_real_radiograph_cut_as_a_jpeg_is_truncated(nih, way, share):
    with Image.open(min((nih / "images-1024").glob("*.png"))) as image:
        data = jpeg(image.convert("L"), **WAYS[way])
    assert size(data) == (1024, 1024)
    with pytest.raises(Truncated, match="missing|without pixels"):
        radiographs.describe(data[: int(len(data) * share)] + b"\xff\xd9")


def test_a_part_that_is_missing_between_others_is_noticed():
    data = jpeg(GREY, restart_marker_blocks=1)
    places = [data.index(bytes([0xFF, code])) for code in (0xD1, 0xD2, 0xD3)]
    for start, end in ((places[0], places[1]), (places[0] + 3, places[1]), (places[0], places[2])):
        with pytest.raises(Truncated, match="pixels of the JPEG are missing"):
            radiographs.describe(data[:start] + data[end:])


def test_a_scan_that_is_missing_is_noticed():
    scans = COLOUR_JPEG.split(b"\xff\xda")
    assert len(scans) > 5
    for number in range(2, len(scans)):
        with pytest.raises(Truncated, match="scan of the JPEG is missing"):
            radiographs.describe(b"\xff\xda".join(scans[:number]) + b"\xff\xd9")


@pytest.mark.parametrize("code", [0xC3, 0xC9, 0xCA])
def test_a_kind_of_jpeg_that_cannot_be_read_is_named(code):
    data = GREY_JPEG.replace(b"\xff\xc0", bytes([0xFF, code]))
    with pytest.raises(Unreadable, match="lossless, hierarchical or arithmetic-coded"):
        radiographs.describe(data)


# What is remarkable


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.full((60, 60), 255), "flat: 1 grey level, from 255 to 255"),
        (np.zeros((60, 60)), "flat: 1 grey level, from 0 to 0"),
        (np.arange(3600).reshape(60, 60) % 5 + 100, "flat: 5 grey levels, from 100 to 104"),
        (np.arange(3600).reshape(60, 60) % 17, "dark: 17 grey levels, brightest 16"),
        (np.arange(3600).reshape(60, 60) % 65, "dark: 65 grey levels, brightest 64"),
        (255 - np.arange(3600).reshape(60, 60) % 17, "bright: 17 grey levels, darkest 239"),
        (np.arange(3600).reshape(60, 60) % 100, ""),
        (np.arange(3600).reshape(60, 60) % 256, ""),
    ],
)
def test_a_flat_dark_or_bright_picture_is_named(pixels, expected):
    assert radiographs.remark(pixels.astype(np.uint8)) == expected


def test_twelve_bits_in_a_png_of_sixteen_are_dark_even_with_a_white_letter(nih):
    with Image.open(min((nih / "images-1024").glob("*.png"))) as image:
        twelve = np.asarray(image.convert("L")).astype(np.uint16) * 16
    pixels = radiographs.decode_resized(png(twelve), 240, "lanczos")
    assert radiographs.remark(pixels) == "dark: 16 grey levels, brightest 15"
    twelve[:60, :60] = 65535
    pixels = radiographs.decode_resized(png(twelve), 240, "lanczos")
    assert radiographs.remark(pixels).startswith("dark: ")


def test_no_real_radiograph_is_remarkable(nih):
    paths = [*sorted((nih / "images-1024").glob("*.png")), *sorted((nih / "images-256").glob("*"))]
    remarks = {
        path.name: radiographs.remark(radiographs.decode(path.read_bytes())) for path in paths
    }
    assert len(remarks) > 100
    assert {name: remark for name, remark in remarks.items() if remark} == {}


# The rest


@pytest.mark.parametrize(
    "name", ["a.png", "a.PNG", "a.jpg", "a.JPEG", "a.dcm", "a.dicom", "A.DICOM"]
)
def test_suffixes_of_radiographs(name):
    assert name.lower().endswith(radiographs.SUFFIXES)


@pytest.mark.parametrize(("width", "height"), [(10_001, 1), (1, 65_535), (0, 5)])
def test_absurd_sizes_of_a_jpeg_are_refused_before_anything_is_decoded(width, height):
    frame = GREY_JPEG.index(b"\xff\xc0") + 5
    data = GREY_JPEG[:frame] + struct.pack(">HH", height, width) + GREY_JPEG[frame + 4 :]
    for read in (radiographs.describe, radiographs.decode):
        with pytest.raises(Unreadable, match=f"{width}×{height} pixels"):
            read(data)


@pytest.mark.parametrize(("width", "height"), [(10_001, 1), (1, 2**31 - 1), (0, 5)])
def test_absurd_sizes_are_refused_before_anything_is_decoded(width, height):
    data = _with_header(width, height)
    with pytest.raises(Unreadable, match="pixels"):
        radiographs.describe(data)
    with pytest.raises(Unreadable):
        radiographs.decode(data)


def test_real_radiographs_that_are_rgba_become_the_grey_that_they_show(nih):
    seen = 0
    for path in sorted((nih / "images-1024").glob("*.png")):
        with Image.open(path) as image:
            if image.mode == "RGBA":
                seen += 1
                red = np.asarray(image.getchannel("R"))
                np.testing.assert_array_equal(radiographs.decode(path.read_bytes()), red)
    assert seen


def _with_header(width, height):
    header = struct.pack(">4sIIBBBBB", b"IHDR", width, height, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return GREY_PNG[:8] + chunk + GREY_PNG[33:]
