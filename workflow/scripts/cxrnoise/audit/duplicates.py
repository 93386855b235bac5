"""Pictures that are there twice: pairs of images with nearly the same texture.

Of a thumbnail only the local differences of grey are kept, and large ones are cut off, so that
brightness, contrast, size, compression and a marker change little. Copies of one picture then have
a correlation near 1, and radiographs of different people rarely more than .8.
"""

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

BLUR = 2  # pixels of a thumbnail; what is smoother is taken out
CUT_OFF = 1.5  # times the mean difference
AT_ONCE = 256  # images that are compared with all others


def textures(thumbs: np.ndarray) -> np.ndarray:
    """Return float32 (n, side * side), of length 1, or 0 where a picture is blank."""
    found = np.empty((len(thumbs), thumbs[0].size), np.float32)
    for start in range(0, len(thumbs), AT_ONCE):
        grey = thumbs[start : start + AT_ONCE].astype(np.float32)
        differences = grey - gaussian_filter(grey, (0, BLUR, BLUR), mode="nearest")
        differences = differences.reshape(len(grey), -1)
        limit = CUT_OFF * np.abs(differences).mean(1, keepdims=True)
        differences = differences.clip(-limit, limit)
        differences -= differences.mean(1, keepdims=True)
        length = np.linalg.norm(differences, axis=1, keepdims=True)
        found[start : start + AT_ONCE] = differences / np.where(length > 1, length, np.inf)
    return found


def pairs(thumbs: np.ndarray, patients: np.ndarray, first: int) -> pd.DataFrame:
    """Return the pairs of images that are most alike.

    Each image is paired with the one that is most like it, once among other patients and once
    among the other images of its own patient.

    Parameters
    ----------
    thumbs: uint8 (n, side, side); patients: strings (n,).
    first: at most so many pairs of different patients, and so many of one patient.

    Returns
    -------
    A frame: one, other (places of the images, the smaller first), value (correlation, at most 1),
    across (bool: of different patients); those of different patients come first.
    """
    texture = textures(thumbs)
    _, codes = np.unique(patients, return_inverse=True)
    found = []
    for across, nearest in ((True, _across), (False, _within)):
        other, value = nearest(texture, codes)
        mine = np.arange(len(other))
        frame = pd.DataFrame(
            {"one": np.minimum(mine, other), "other": np.maximum(mine, other), "value": value}
        )
        frame = frame[value > 0].drop_duplicates(["one", "other"])
        frame = frame.sort_values("value", ascending=False, kind="stable").head(first)
        found.append(frame.assign(across=across))
    return pd.concat(found, ignore_index=True)


def _across(texture: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the image of another patient that is most like each image, and how much."""
    other, value = np.empty(len(codes), int), np.empty(len(codes), np.float32)
    for start in range(0, len(codes), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        alike = texture[rows] @ texture.T
        alike[codes[rows, np.newaxis] == codes] = -1
        other[rows] = alike.argmax(1)
        value[rows] = alike.max(1)
    return other, value


def _within(texture: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the image of the same patient that is most like each image, and how much."""
    other, value = np.arange(len(codes)), np.full(len(codes), -1, np.float32)
    order = np.argsort(codes, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        if len(rows) > 1:
            alike = texture[rows] @ texture[rows].T
            np.fill_diagonal(alike, -1)
            other[rows], value[rows] = rows[alike.argmax(1)], alike.max(1)
    return other, value
