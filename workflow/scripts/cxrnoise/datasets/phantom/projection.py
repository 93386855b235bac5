"""Line integrals through simple solids on a pixel grid: the geometry of a parallel-beam X-ray.

The patient faces the detector: x points to the image's right (the patient's left), y down,
z towards the patient's front, all in cm. A patient who stands turned by a small angle about
the vertical axis is projected by x + turn * z.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

SAMPLING = 1.0  # distance of a tube's samples in pixels; up to 1 no gap shows


@dataclass(frozen=True)
class Grid:
    """Pixel centres of a radiograph.

    Attributes
    ----------
    x, y: float32 arrays (columns,) and (rows,), cm, evenly spaced.
    turn: sine of the patient's rotation about the vertical axis.
    """

    x: np.ndarray
    y: np.ndarray
    turn: float = 0.0

    @property
    def pitch(self) -> np.ndarray:
        """Distance between neighbouring pixels in x and y, cm."""
        return np.array([self.x[1] - self.x[0], self.y[1] - self.y[0]])

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.y), len(self.x)

    def zeros(self) -> np.ndarray:
        return np.zeros(self.shape, np.float32)


def add_ellipsoid(image, grid, centre, semi_axes, weight=1.0, tilt=0.0, below=None) -> None:
    """Add `weight` times the chord length (cm) through an ellipsoid to `image`, in place.

    Parameters
    ----------
    image: float32 array of the grid's shape.
    centre, semi_axes: (x, y, z) in cm.
    tilt: rotation in the image plane, radians, clockwise as displayed.
    below: y in cm under which the solid ends (the level of a fluid), or None.
    """
    window, chord = _ellipsoid(grid, centre, semi_axes, tilt, 2, below)
    image[window] += np.float32(weight) * chord


def unite_ellipsoid(image, grid, centre, semi_axes, tilt=0.0, power=4) -> None:
    """Raise `image` to the chord length through an ellipsoid that shares its space.

    `power` 2 is an ellipsoid; more makes a solid that is flat in front and behind.
    """
    window, chord = _ellipsoid(grid, centre, semi_axes, tilt, power, None)
    np.maximum(image[window], chord, out=image[window])


def _ellipsoid(grid, centre, semi_axes, tilt, power, below):
    (x, y, z), (a, b, c) = centre, semi_axes
    cosine, sine = np.cos(tilt), np.sin(tilt)
    width, height = np.hypot(a * cosine, b * sine), np.hypot(a * sine, b * cosine)
    x = x + grid.turn * z
    bottom = y + height if below is None else min(below, y + height)
    rows = slice(*np.searchsorted(grid.y, np.float32([y - height, bottom])))
    columns = slice(*np.searchsorted(grid.x, np.float32([x - width, x + width])))
    dx = grid.x[columns] - np.float32(x)
    dy = (grid.y[rows] - np.float32(y))[:, None]
    across = dx * np.float32(cosine / a) + dy * np.float32(sine / a)
    along = dy * np.float32(cosine / b) - dx * np.float32(sine / b)
    radius = across * across + along * along
    inside = np.maximum(1 - (radius if power == 2 else radius ** np.float32(power / 2)), 0)
    return (rows, columns), np.float32(2 * c) * np.sqrt(inside)


def stack(grid, left, right, depth, power=2.0) -> np.ndarray:
    """Return the chord length (cm) through a pile of horizontal elliptic slices.

    Parameters
    ----------
    left, right: arrays (rows,), the slice's edges in cm; there is no slice where right <= left.
    depth: half the slice's extent along z at its middle, cm, a number or an array (rows,).
    power: 2 for an ellipse, more for a slice that is flatter in its middle.
    """
    half = np.maximum((right - left) / 2, 1e-3)
    offset = np.abs(grid.x - ((left + right) / 2)[:, None].astype(np.float32))
    offset /= half[:, None].astype(np.float32)
    inside = 1 - (offset * offset if power == 2 else offset ** np.float32(power))
    depth = np.where(right > left, 2 * depth, 0).astype(np.float32)
    return np.sqrt(np.maximum(inside, 0)) * depth[:, None]


def add_tubes(image, grid, points, radius, weight=1.0, flatness=1.0, core=None) -> None:
    """Add `weight` times the chord length (cm) through curved tubes to `image`.

    A tube is cut into short pieces; each leaves its volume, shared bilinearly, in the pixels
    under it. Where a tube runs along the beam its shadow therefore deepens, as it should.

    Parameters
    ----------
    points: array (tubes, points, 3), the axes of the tubes, cm.
    radius: cm, broadcast to (tubes, points).
    weight: broadcast to (tubes, points).
    flatness: ratio of the extent across the image plane to that in it (1: a round tube).
    core: (ratio of its radius to the tube's, what it adds to 1 in units of `weight`), or None
        for a solid tube.
    """
    points = _resampled(np.asarray(points, np.float32), grid)
    tubes, count = points.shape[:2]
    radius = _along(radius, tubes, count)
    weight = _along(weight, tubes, count)
    step = np.gradient(points, axis=1)
    length = np.linalg.norm(step, axis=2)
    length[:, [0, -1]] /= 2
    plane = points[..., :2] + np.float32(grid.turn) * points[..., 2:] * np.float32([1, 0])
    along = np.gradient(plane, axis=1)
    along /= np.linalg.norm(along, axis=2, keepdims=True) + 1e-6
    across = max(2, int(np.ceil(2 * radius.max() / grid.pitch.min() / SAMPLING)))
    offset = (np.arange(across, dtype=np.float32) + 0.5) * 2 / across - 1
    chord = np.sqrt(1 - offset**2)
    if core:
        chord += core[1] * np.sqrt(np.maximum(core[0] ** 2 - offset**2, 0))
    area = weight * length * (4 * flatness / across) * radius**2
    volume = area[..., None] * chord
    normal = radius[..., None] * offset
    columns = plane[..., 0, None] - along[..., 1, None] * normal
    rows = plane[..., 1, None] + along[..., 0, None] * normal
    _deposit(image, grid, columns.ravel(), rows.ravel(), volume.ravel())


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Return `image` smoothed by a Gaussian of `sigma` pixels; the border does not darken."""
    coarse = max(1, int(sigma / 1.2))
    while any(extent % coarse for extent in image.shape):
        coarse -= 1
    rows, columns = (extent // coarse for extent in image.shape)
    small = image.reshape(rows, coarse, columns, coarse).mean(axis=(1, 3))
    return _gaussian(rows, coarse, sigma) @ small @ _gaussian(columns, coarse, sigma).T


def smooth_noise(rng: np.random.Generator, shape: tuple, knots: tuple) -> np.ndarray:
    """Return float32 noise of about unit variance, interpolated between `knots` per axis."""
    coarse = Image.fromarray(rng.standard_normal(knots, dtype=np.float32))
    noise = np.asarray(coarse.resize(shape[::-1], Image.Resampling.BICUBIC))
    return noise / noise.std()


def _gaussian(cells: int, coarse: int, sigma: float) -> np.ndarray:
    centres = (np.arange(cells, dtype=np.float32) + 0.5) * coarse - 0.5
    distance = np.arange(cells * coarse, dtype=np.float32)[:, None] - centres
    kernel = np.exp(-0.5 * np.minimum(np.abs(distance / sigma), 5) ** 2)
    return kernel / kernel.sum(axis=1, keepdims=True)


def _resampled(points: np.ndarray, grid: Grid) -> np.ndarray:
    """Put the samples of all tubes at most `SAMPLING` pixels apart."""
    pixels = np.abs(np.diff(points[..., :2], axis=1)) / grid.pitch.astype(np.float32)
    longest = np.hypot(pixels[..., 0], pixels[..., 1]).max() * (points.shape[1] - 1)
    count = max(3, int(np.ceil(longest / SAMPLING)))
    position = np.linspace(0, points.shape[1] - 1, count, dtype=np.float32)
    before = np.minimum(position.astype(int), points.shape[1] - 2)
    share = (position - before)[:, None]
    return points[:, before] * (1 - share) + points[:, before + 1] * share


def _along(value, tubes: int, count: int) -> np.ndarray:
    value = np.asarray(value, np.float32)
    if value.ndim == 2 and 1 < value.shape[1] != count:
        position = np.linspace(0, value.shape[1] - 1, count, dtype=np.float32)
        before = np.minimum(position.astype(int), value.shape[1] - 2)
        value = value[:, before] + (value[:, before + 1] - value[:, before]) * (position - before)
    return np.broadcast_to(value, (tubes, count))


def _deposit(image, grid, x, y, volume) -> None:
    columns, rows = (x - grid.x[0]) / grid.pitch[0], (y - grid.y[0]) / grid.pitch[1]
    height, width = grid.shape
    inside = (columns >= 0) & (columns < width - 1) & (rows >= 0) & (rows < height - 1)
    if not inside.any():
        return
    columns, rows = columns[inside], rows[inside]
    volume = volume[inside] / np.float32(np.prod(grid.pitch))
    column, row = columns.astype(np.int32), rows.astype(np.int32)
    right, lower = columns - column, rows - row
    top = row.min()
    band = image[top : row.max() + 2].reshape(-1)
    first = (row - top) * width + column
    lower_share = volume * lower
    upper_share = volume - lower_share
    for shift, share in (
        (0, upper_share * (1 - right)),
        (1, upper_share * right),
        (width, lower_share * (1 - right)),
        (width + 1, lower_share * right),
    ):
        band[shift:] += np.bincount(first, share, minlength=band.size - shift)
