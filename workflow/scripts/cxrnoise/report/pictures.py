"""Radiographs of the shards as pictures within a page."""

import base64
import io
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from PIL import Image

from cxrnoise.images.shards import Reader

QUALITY = 90  # of a JPEG: 100 real radiographs of 240 pixels are 1.4 MB on the page


class Picture(NamedTuple):
    """A picture: its address, and in words what it shows."""

    address: str
    words: str


def addresses(
    images: Iterable[str], shards: Reader, side: int | None = None, quality: int = QUALITY
) -> dict[str, str]:
    """Return the data URIs of images as they were filed, JPEGs, by the names of the images.

    Parameters
    ----------
    side: width and height of each in pixels; None for those of the shards.
    """
    names = list(images)
    found = shards.batch(*shards.locate(names))
    return {
        name: _address(pixels, side, quality) for name, pixels in zip(names, found, strict=True)
    }


def _address(pixels: np.ndarray, side: int | None, quality: int) -> str:
    picture = Image.fromarray(pixels)
    if side is not None:
        picture = picture.resize((side, side), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
