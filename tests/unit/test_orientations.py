"""The 16 ways in which a radiograph may hang."""

import numpy as np
import pytest

from cxrnoise.tasks import orientations

PIXELS = np.random.default_rng(0).integers(0, 256, (1, 7, 7), dtype=np.uint8)


def test_the_names_say_what_is_done():
    names = orientations.names()
    assert len(set(names)) == 16
    assert names[0] == "upright"
    assert names[5] == "turned 90, mirrored"
    assert names[13] == "turned 90, mirrored, inverted"


def test_every_orientation_is_another_image():
    images = orientations.apply(np.repeat(PIXELS, 16, axis=0), np.arange(16))
    assert len({image.tobytes() for image in images}) == 16


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, [[1, 2], [3, 4]]),
        (1, [[2, 4], [1, 3]]),  # counterclockwise: the right column is the upper row
        (4, [[2, 1], [4, 3]]),
        (5, [[1, 3], [2, 4]]),
        (8, [[254, 253], [252, 251]]),
    ],
)
def test_an_image_is_mirrored_then_turned_then_inverted(number, expected):
    pixels = np.array([[[1, 2], [3, 4]]], np.uint8)
    turned = orientations.apply(pixels, np.array([number]))
    assert turned.dtype == np.uint8
    assert turned[0].tolist() == expected
    assert pixels[0].tolist() == [[1, 2], [3, 4]]
