import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cxrnoise import radiographs
from cxrnoise.radiographs import Truncated, Unreadable
from tiny import png

GREY = np.random.default_rng(0).integers(0, 256, (24, 20), dtype=np.uint8)
GREY_PNG = png(GREY)


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
        radiographs.dimensions(GREY_PNG[:length])


@given(st.integers(0, len(GREY_PNG) - 1), st.integers(1, 255))
def test_a_png_with_one_wrong_byte_is_refused(position, change):
    damaged = bytearray(GREY_PNG)
    damaged[position] ^= change
    with pytest.raises(Unreadable):
        radiographs.dimensions(bytes(damaged))


def test_a_whole_png_tells_its_width_and_height():
    assert radiographs.dimensions(GREY_PNG) == (20, 24)


@given(st.binary(max_size=60), st.integers(0, len(GREY_PNG)))
def test_any_bytes_are_decoded_or_unreadable(garbage, length):
    try:
        assert radiographs.decode(GREY_PNG[:length] + garbage).dtype == np.uint8
    except Unreadable as error:
        assert str(error)


def test_a_jpeg_under_the_name_of_a_png_is_not_a_png():
    jpeg = b"\xff\xd8\xff\xe0\x00\x10JFIF"
    with pytest.raises(Unreadable, match="not a PNG"):
        radiographs.dimensions(jpeg)
    with pytest.raises(Unreadable):
        radiographs.decode(jpeg)


@pytest.mark.parametrize(("width", "height"), [(10_001, 1), (1, 2**31 - 1), (0, 5)])
def test_absurd_sizes_are_refused_before_anything_is_decoded(width, height):
    data = _with_header(width, height)
    with pytest.raises(Unreadable, match="pixels"):
        radiographs.dimensions(data)
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
    return radiographs.SIGNATURE + chunk + GREY_PNG[33:]
