"""Render a phantom: expose the body that `anatomy` draws, and develop the radiograph."""

import io
import logging
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from cxrnoise.core.randomness import generator
from cxrnoise.datasets.phantom import anatomy
from cxrnoise.datasets.phantom.projection import Grid, add_tubes, blur, smooth_noise

log = logging.getLogger(__name__)

MARGIN = 1.16  # the projected field over the displayed one, so that a tilt shows no corner
PHOTONS = 1.0e5  # per pixel of 1.4 mm without a patient
GLYPHS = {
    "L": [[[0, 0], [0, 1], [0.6, 1]]],
    "R": [[[0, 1], [0, 0], [0.5, 0], [0.6, 0.25], [0.5, 0.5], [0, 0.5]], [[0.25, 0.5], [0.6, 1]]],
}
HUFFMAN = 2  # zlib's strategy: noise holds no repeats to search for


def write_part(frame: pd.DataFrame, folder: str | Path, config: dict) -> None:
    """Render the rows of `frame` into PNG files in `folder`."""
    folder, started = Path(folder), time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    for done, row in enumerate(frame.itertuples(index=False), start=1):
        (folder / row.image).write_bytes(_png(render(row, config)))
        if done % 500 == 0 or done == len(frame):
            rate = done / (time.monotonic() - started)
            log.info("%d of %d phantoms, %.0f images/s", done, len(frame), rate)


def _png(pixels: np.ndarray) -> bytes:
    memory = io.BytesIO()
    image = Image.fromarray(pixels)
    image.save(memory, "PNG", compress_level=1, compress_type=HUFFMAN)
    return memory.getvalue()


def render(row, config: dict) -> np.ndarray:
    """Return the radiograph of a row of `patients`, uint8 (size, size), bone white."""
    seed = config["seed"]
    findings = set(row.true_findings.split("|"))
    body = _body(row, seed, findings)
    rng = generator(seed, "exposure", row.image)
    state = anatomy.draw_state(rng, row.view)
    grid = _grid(row, body, rng)
    chest = anatomy.Chest(grid, body, state, generator(seed, "organs", row.patient_id))
    total = anatomy.attenuation(chest, findings, row.device, row.subcutaneous)
    shape = generator(seed, "irregularity", row.patient_id)
    total = _displayed(total, body, row, rng.normal(0, 0.04), shape)
    pitch = row.field_width / row.size
    raw = _exposed(total, pitch, row.view, rng)
    shown = _developed(raw, pitch, rng)
    _collimate(shown, rng)
    _add_marker(shown, rng)
    return (np.clip(shown, 0, 1) * 255 + 0.5).astype(np.uint8)


def _body(row, seed: int, findings: set[str]) -> anatomy.Body:
    rng = generator(seed, "body", row.patient_id)
    body = anatomy.draw_body(rng, row.sex, row.emphysema_severity)
    if "Cardiomegaly" in findings:
        return anatomy.enlarged(body)
    return body


def _grid(row, body: anatomy.Body, rng) -> Grid:
    """Pixel centres of the projected field, wider than the displayed one by `MARGIN`."""
    pixels = int(row.size * MARGIN) // 16 * 16
    middle = body.apex + row.field_height * (0.5 - rng.uniform(0.0, 0.18))
    index = np.arange(pixels) - (pixels - 1) / 2
    x = rng.normal(-0.3, 1.5) + index * row.field_width / row.size
    y = middle + index * row.field_height / row.size
    return Grid(x.astype(np.float32), y.astype(np.float32), turn=float(rng.normal(0, 0.07)))


def _displayed(total: np.ndarray, body: anatomy.Body, row, tilt: float, rng) -> np.ndarray:
    """Cut the displayed field out of the projected one, tilted by `tilt` radians.

    `rng` bends it smoothly as well, for no body is made of ellipsoids.
    """
    size = row.size
    index = np.arange(size, dtype=np.float32) - (size - 1) / 2
    down, across = index[:, None], index
    middle = (len(total) - 1) / 2
    rows = down + np.float32(tilt) * across + np.float32(middle)
    columns = across - np.float32(tilt) * down + np.float32(middle)
    scale = size / row.field_width
    for knots, bend in ((4, 0.5), (9, 0.18)):  # bend in cm
        for axis in (rows, columns):
            axis += np.float32(bend * body.irregularity * scale) * smooth_noise(
                rng, (size, size), (knots, knots)
            )
    return _interpolated(total, rows, columns)


def _interpolated(image: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return `image` at fractional pixel positions, bilinearly, its border continued."""
    last = len(image) - 1.001
    rows, columns = np.clip(rows, 0, last), np.clip(columns, 0, last)
    row, column = rows.astype(np.int32), columns.astype(np.int32)
    lower, right = rows - row, columns - column
    left, upper = 1 - right, 1 - lower
    first = (row * len(image) + column).astype(np.intp)
    total = (image.take(first) * left + image.take(first + 1) * right) * upper
    first += len(image)
    return total + (image.take(first) * left + image.take(first + 1) * right) * lower


def _exposed(total: np.ndarray, pitch: float, view: str, rng) -> np.ndarray:
    """Return minus the logarithm of the detected signal: Beer-Lambert, scatter, quantum noise."""
    uneven = rng.uniform(0, 0.12) * smooth_noise(rng, total.shape, (4, 4))
    uneven += rng.normal(0, 0.1) * np.linspace(-1, 1, len(total), dtype=np.float32)  # heel effect
    primary = np.exp(-total - uneven * np.minimum(total, 1))
    ratio = rng.uniform(0.15, 0.45) if view == "PA" else rng.uniform(0.3, 0.8)  # behind a grid
    scatter = ratio * blur(primary, 3.0 / pitch) * np.exp(-0.3)
    signal = primary + scatter
    quanta = PHOTONS * rng.uniform(0.3, 2) * (pitch / 0.14) ** 2
    signal += np.sqrt(signal / quanta) * rng.standard_normal(signal.shape, dtype=np.float32)
    return -np.log(np.maximum(signal, 1 / quanta))


def _developed(raw: np.ndarray, pitch: float, rng) -> np.ndarray:
    """Return the display values 0-1: unsharp masking, then the characteristic curve and window."""
    coarse, fine = blur(raw, rng.uniform(3, 6) / pitch), blur(raw, 0.35 / pitch)
    sharp = raw - rng.uniform(0.1, 0.5) * coarse + rng.uniform(0.0, 0.6) * (raw - fine)
    inside = sharp[raw > 0.6]
    low, high = np.percentile(inside, (rng.uniform(2, 8), rng.uniform(80, 97)))
    low -= rng.uniform(0.0, 0.5) * (high - low)
    level = (sharp - low) / (high - low)
    steep = rng.uniform(2, 6.5)
    curve = 1 / (1 + np.exp(-steep * (level - rng.uniform(0.3, 0.65))))
    return curve ** rng.uniform(0.65, 1.5) * rng.uniform(0.8, 1.02)


def _collimate(shown: np.ndarray, rng) -> None:
    """Blank what the collimator's leaves shade: a narrow border on some sides of some images."""
    size = len(shown)
    edge = (rng.uniform(0, 0.06, 4) * size * (rng.uniform(size=4) < 0.25)).astype(int)
    value = 0.97 if rng.uniform() < 0.2 else 0.01
    shown[: edge[0]] = value
    shown[size - edge[1] :] = value
    shown[:, : edge[2]] = value
    shown[:, size - edge[3] :] = value


def _add_marker(shown: np.ndarray, rng) -> None:
    """Put the lead letter of a side into its upper corner, outside the central crop."""
    letter = "L" if rng.uniform() < 0.75 else "R"
    height = rng.uniform(0.03, 0.055)
    across = rng.uniform(0.04, 0.1)
    corner = np.array([1 - across - 0.04 if letter == "L" else across, rng.uniform(0.02, 0.1)])
    angle = rng.normal(0, 0.25)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    index = (np.arange(len(shown), dtype=np.float32) + 0.5) / len(shown)
    lead = np.zeros_like(shown)
    for stroke in GLYPHS[letter]:
        flat = corner + height * np.array(stroke) @ turn
        points = np.column_stack([flat, np.zeros(len(flat))])
        add_tubes(lead, Grid(index, index), [points], 0.005)
    shown += np.minimum(lead / 0.008, 1) * (rng.uniform(0.75, 1) - shown)
