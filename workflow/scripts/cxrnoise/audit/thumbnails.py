"""Small copies of radiographs, on which the whole archive fits into memory."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from cxrnoise.images.shards import Reader

SIDE = 32
FAINT = 8  # grey values: less contrast than this is noise, and is not blown up


def read(shards: Sequence[str], images: Sequence[str]) -> np.ndarray:
    """Return the images of shards, reduced to uint8 (n, SIDE, SIDE)."""
    reader = Reader(shards)
    found = np.empty((len(images), SIDE, SIDE), np.uint8)
    for place, (shard, row) in enumerate(zip(*reader.locate(images), strict=True)):
        found[place] = reduced(reader.batch([shard], [row])[0])
    return found


def reduced(pixels: np.ndarray) -> np.ndarray:
    """Return one image, uint8 (size, size), as uint8 (SIDE, SIDE)."""
    return np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BOX))


def smaller(thumbs: np.ndarray, side: int) -> np.ndarray:
    """Return uint8 (n, side, side); `side` is a divisor of the side of the thumbnails."""
    factor = thumbs.shape[1] // side
    return thumbs.reshape(len(thumbs), side, factor, side, factor).mean((2, 4)).astype(np.uint8)


def standardised(thumbs: np.ndarray) -> np.ndarray:
    """Return thumbnails without their brightness and contrast, float32 (n, side * side)."""
    values = thumbs.reshape(len(thumbs), -1).astype(np.float32)
    values -= values.mean(1, keepdims=True)
    return values / (values.std(1, keepdims=True) + FAINT)
