"""Radiographs of the shards as pictures within a page."""

import base64
import io
from typing import NamedTuple

import numpy as np
from PIL import Image

from cxrnoise.images.shards import Reader

QUALITY = 90  # of a JPEG: 100 real radiographs of 240 pixels are 1.4 MB on the page


class Picture(NamedTuple):
    """A picture: its address, and in words what it shows."""

    address: str
    words: str


def shown(
    image: str, shards: Reader, words: str, side: int | None = None, quality: int = QUALITY
) -> Picture:
    """Return an image as it was filed.

    Parameters
    ----------
    side: its width and height in pixels; None for those of the shard.
    """
    [pixels] = shards.batch(*shards.locate([image]))
    return Picture(address(pixels, side, quality), words)


def address(pixels: np.ndarray, side: int | None = None, quality: int = QUALITY) -> str:
    """Return the data URI of a JPEG of uint8 (size, size); other parameters as in `shown`."""
    picture = Image.fromarray(pixels)
    if side is not None:
        picture = picture.resize((side, side), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
