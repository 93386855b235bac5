"""Line integrals through simple solids on a pixel grid: the geometry of a parallel-beam X-ray.

The patient faces the detector: x points to the image's right (the patient's left), y down,
z towards the patient's front, all in cm. A patient who stands turned by a small angle about
the vertical axis is projected by x + turn * z.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

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

    @cached_property
    def pitch(self) -> np.ndarray:
        """Distance between neighbouring pixels in x and y, cm."""
        return np.array([self.x[1] - self.x[0], self.y[1] - self.y[0]])

    @cached_property
    def finest(self) -> np.float32:
        """The smaller distance between neighbouring pixels, cm."""
        return self.pitch.min()

    @cached_property
    def area(self) -> np.float32:
        """Of a pixel, cm²."""
        return self.pitch.prod()

    @cached_property
    def corner(self) -> np.ndarray:
        """y and x of the first pixel (2, 1)."""
        return np.array([self.y[:1], self.x[:1]])

    @cached_property
    def spacing(self) -> np.ndarray:
        """Distance between neighbouring pixels in y and x (2, 1)."""
        return self.pitch[::-1, None]

    @cached_property
    def last(self) -> np.ndarray:
        """Numbers of the last row and column (2, 1)."""
        return np.array([[len(self.y) - 1.0], [len(self.x) - 1.0]])

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
    chord *= np.float32(weight)
    image[window] += chord


def unite_ellipsoid(image, grid, centre, semi_axes, tilt=0.0, power=4) -> None:
    """Raise `image` to the chord length through an ellipsoid that shares its space.

    `power` 2 is an ellipsoid; more makes a solid that is flat in front and behind.
    """
    window, chord = _ellipsoid(grid, centre, semi_axes, tilt, power, None)
    np.maximum(image[window], chord, out=image[window])


def add_ellipsoids(image, grid, centres, semi_axes, weight) -> None:
    """Add upright ellipsoids of one size to `image`, in place; `add_ellipsoid` adds one.

    Parameters
    ----------
    centres: array (n, 3), cm.
    """
    (a, b, c), (x, y, z) = semi_axes, np.asarray(centres, float).T
    x = x + grid.turn * z
    top, height = _boxes(grid.y, y, b)
    left, width = _boxes(grid.x, x, a)
    across = grid.x[left[:, None] + np.arange(width)] - x.astype(np.float32)[:, None]
    along = grid.y[top[:, None] + np.arange(height)] - y.astype(np.float32)[:, None]
    across *= np.float32(1 / a)
    along *= np.float32(1 / b)
    chord = _chord((across * across)[:, None, :] + (along * along)[:, :, None], c)
    chord *= np.float32(weight)
    for row, column, each in zip(top, left, chord, strict=True):
        image[row : row + height, column : column + width] += each


def _boxes(line: np.ndarray, centres: np.ndarray, reach: float) -> tuple[np.ndarray, int]:
    """Return where `centres` ± `reach` begins on a line of pixels, and the pixels it takes."""
    first = np.searchsorted(line, (centres - reach).astype(np.float32))
    last = np.searchsorted(line, (centres + reach).astype(np.float32))
    extent = int((last - first).max())
    return np.minimum(first, len(line) - extent), extent


def _ellipsoid(grid, centre, semi_axes, tilt, power, below):
    (x, y, z), (a, b, c) = centre, semi_axes
    cosine, sine = math.cos(tilt), math.sin(tilt)
    width, height = math.hypot(a * cosine, b * sine), math.hypot(a * sine, b * cosine)
    x = x + grid.turn * z
    bottom = y + height if below is None else min(below, y + height)
    rows = slice(*grid.y.searchsorted(np.array([y - height, bottom], np.float32)))
    columns = slice(*grid.x.searchsorted(np.array([x - width, x + width], np.float32)))
    dx = grid.x[columns] - np.float32(x)
    dy = (grid.y[rows] - np.float32(y))[:, None]
    across, along = dx * np.float32(cosine / a), dy * np.float32(cosine / b)
    if tilt:
        across = across + dy * np.float32(sine / a)
        along = along - dx * np.float32(sine / b)
    radius = across * across + along * along
    if power != 2:
        radius **= np.float32(power / 2)
    return (rows, columns), _chord(radius, c)


def _chord(radius: np.ndarray, half: float) -> np.ndarray:
    """Turn squared distances from the axis, 1 at the surface, into chord lengths, in place."""
    np.subtract(1, radius, out=radius)
    np.maximum(radius, 0, out=radius)
    np.sqrt(radius, out=radius)
    radius *= np.float32(2 * half)
    return radius


def stack(grid, left, right, depth, power=2.0) -> np.ndarray:
    """Return the chord length (cm) through a pile of horizontal elliptic slices.

    Parameters
    ----------
    left, right: arrays (rows,), the slice's edges in cm; there is no slice where right <= left.
    depth: half the slice's extent along z at its middle, cm, a number or an array (rows,).
    power: 2 for an ellipse, more for a slice that is flatter in its middle.
    """
    image = grid.zeros()
    filled = np.flatnonzero(right > left)
    if not len(filled):
        return image
    rows = slice(filled[0], filled[-1] + 1)
    left, right = left[rows], right[rows]
    half = np.maximum((right - left) / 2, 1e-3)
    first, last = grid.x.searchsorted([left.min(), right.max()])
    columns = slice(max(first - 1, 0), last + 1)
    inside = grid.x[columns] - ((left + right) / 2).astype(np.float32)[:, None]
    np.abs(inside, out=inside)
    inside /= half.astype(np.float32)[:, None]
    if power == 2:
        inside *= inside
    else:
        inside **= np.float32(power)
    np.subtract(1, inside, out=inside)
    np.maximum(inside, 0, out=inside)
    np.sqrt(inside, out=inside)
    depth = depth[rows] if np.ndim(depth) else depth
    inside *= (2 * depth * (right > left)).astype(np.float32)[:, None]
    image[rows, columns] = inside
    return image


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
    lines = _resampled(np.asarray(points, np.float32), grid)
    count = lines.shape[2]
    radius, weight = _along(radius, count), _along(weight, count)
    step = _gradient(lines)
    squares = step * step
    length = np.sqrt(squares[0] + squares[1] + squares[2])
    length[:, 0] /= 2
    length[:, -1] /= 2
    normal = step[3::-2] / (np.sqrt(squares[1] + squares[3]) + 1e-6)
    np.negative(normal[1], out=normal[1])
    across = max(2, math.ceil(2 * radius.max() / grid.finest / SAMPLING))
    offset, chord = _profile(across, core)
    area = weight * length * (4 * flatness / across) * radius**2
    spots = normal[..., None] * (radius[..., None] * offset)
    spots += lines[1::2, ..., None]
    _deposit(image, grid, spots.reshape(2, -1), (area[..., None] * chord).ravel())


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Return `image` smoothed by a Gaussian of `sigma` pixels; the border does not darken."""
    coarse = max(1, int(sigma / 1.2))
    while any(extent % coarse for extent in image.shape):
        coarse -= 1
    rows, columns = (extent // coarse for extent in image.shape)
    small = image
    if coarse > 1:
        small = image.reshape(rows, coarse, columns, coarse).mean(axis=(1, 3))
    down = _gaussian(rows, coarse, sigma)
    across = down if columns == rows else _gaussian(columns, coarse, sigma)
    return down @ small @ across.T


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
    """Sample tubes at most `SAMPLING` pixels apart.

    Returns
    -------
    float64 array (4, tubes, samples): x, y, z, and the x at which the turned patient shows it.
    """
    axes = points.transpose(2, 0, 1)
    tubes, count = points.shape[:2]
    step = (axes[:2, :, 1:] - axes[:2, :, :-1]) / grid.pitch[:, None, None]
    longest = np.hypot(step[0], step[1]).max() * (count - 1)
    before, after, rest, share = _places(count, max(3, math.ceil(longest / SAMPLING)))
    lines = np.empty((4, tubes, len(share)))
    np.multiply(axes.take(before, axis=2), rest, out=lines[:3])
    lines[:3] += axes.take(after, axis=2) * share
    np.multiply(lines[2], np.float32(grid.turn), out=lines[3])
    lines[3] += lines[0]
    return lines


def _along(value, count: int) -> np.ndarray:
    """Return what broadcasts to (tubes, count)."""
    value = np.asarray(value, np.float32)
    if value.ndim == 2 and 1 < value.shape[1] != count:
        before, after, _, share = _places(value.shape[1], count)
        start = value.take(before, axis=1)
        return start + (value.take(after, axis=1) - start) * share
    return value


@lru_cache(maxsize=1024)
def _places(points: int, count: int) -> tuple[np.ndarray, ...]:
    """Return, for `count` even samples of `points` values, the two neighbours and their shares."""
    position = np.linspace(0, points - 1, count, dtype=np.float32)
    before = np.minimum(position.astype(int), points - 2)
    share = position - before
    return before, before + 1, 1 - share, share


@lru_cache(maxsize=64)
def _profile(across: int, core: tuple[float, float] | None) -> tuple[np.ndarray, np.ndarray]:
    """Return where `across` samples lie over a tube's width (-1 to 1), and its chord there."""
    offset = (np.arange(across, dtype=np.float32) + 0.5) * 2 / across - 1
    chord = np.sqrt(1 - offset**2)
    if core:
        chord += core[1] * np.sqrt(np.maximum(core[0] ** 2 - offset**2, 0))
    return offset, chord


def _gradient(values: np.ndarray) -> np.ndarray:
    """Return the differences along the last axis, central but at the ends."""
    step = np.empty_like(values)
    inner = step[..., 1:-1]
    np.subtract(values[..., 2:], values[..., :-2], out=inner)
    inner /= 2
    np.subtract(values[..., 1], values[..., 0], out=step[..., 0])
    np.subtract(values[..., -1], values[..., -2], out=step[..., -1])
    return step


def _deposit(image, grid, spots, volume) -> None:
    """Share volumes at `spots` (y and x, n) bilinearly between the four pixels around each."""
    spots -= grid.corner
    spots /= grid.spacing
    inside = (spots >= 0) & (spots < grid.last)
    inside = inside[0] & inside[1]
    if not inside.all():
        [kept] = inside.nonzero()
        if not len(kept):
            return
        spots, volume = spots.take(kept, axis=1), volume.take(kept)
    volume /= grid.area
    pixels = spots.astype(np.intp)
    spots -= pixels
    first = pixels.min(axis=1)
    (top, left), (height, width) = first.tolist(), (pixels.max(axis=1) - first + 1).tolist()
    pixel = pixels[0] * width
    pixel += pixels[1]
    pixel -= top * width + left
    lower_share, right_share = spots
    left_share = 1 - right_share
    lower = volume * lower_share
    upper = np.subtract(volume, lower, out=volume)
    for down, right, share in (
        (0, 0, upper * left_share),
        (0, 1, upper * right_share),
        (1, 0, lower * left_share),
        (1, 1, lower * right_share),
    ):
        sums = np.bincount(pixel, share, height * width).reshape(height, width)
        y, x = top + down, left + right
        image[y : y + height, x : x + width] += sums
