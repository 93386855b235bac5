"""The embedded data set: synthetic chest radiographs in the layout of ChestXRay14.

`anatomy` draws bodies and projects them; this module draws the patients, exposes and develops
the images, and writes the files. See docs/phantom.md for what is modelled and what is not.
"""

import logging
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from cxrnoise.core.errors import UserError
from cxrnoise.core.files import replacing
from cxrnoise.core.randomness import generator, uniform
from cxrnoise.datasets.phantom import anatomy
from cxrnoise.datasets.phantom.projection import Grid, add_tubes, blur, smooth_noise

log = logging.getLogger(__name__)

OTHER_FINDINGS = {"Cardiomegaly": 0.04, "Effusion": 0.14, "Infiltration": 0.2, "Nodule": 0.06}
FINDINGS = ("Emphysema", *OTHER_FINDINGS)
MARGIN = 1.16  # the projected field over the displayed one, so that a tilt shows no corner
PHOTONS = 1.0e5  # per pixel of 1.4 mm without a patient
GLYPHS = {
    "L": [[[0, 0], [0, 1], [0.6, 1]]],
    "R": [[[0, 1], [0, 0], [0.5, 0], [0.6, 0.25], [0.5, 0.5], [0, 0.5]], [[0.25, 0.5], [0.6, 1]]],
}


def patients(config: dict) -> pd.DataFrame:
    """Draw who is in the data set, without rendering anything.

    Parameters
    ----------
    config: patients, pa_images, ap_images (numbers), size (pixels), parts, seed, and the rates
        emphysema_rate, subcutaneous_rate, missed_rate, false_positive_rate,
        subcutaneous_reported_rate, device_rate.

    Returns
    -------
    One row per image, ordered by patient and follow-up: image, patient_id, follow_up, view, age,
    sex, part (1..parts, contiguous), emphysema_severity (0-1), subcutaneous, device ("" for
    none), field_width, field_height (cm), size, true_findings, reported_findings (joined by "|").

    Raises `UserError` when there are fewer PA images than patients.
    """
    count, seed = config["patients"], config["seed"]
    if config["pa_images"] < count:
        raise UserError(
            f"phantom: pa_images is {config['pa_images']} for {count} patients, but every patient "
            "has a PA image: raise pa_images or lower patients."
        )
    views = ["PA"] * (config["pa_images"] - count) + ["AP"] * config["ap_images"]
    visitors = 1 + (uniform(seed, "visitor", range(len(views))) * count).astype(int)
    frame = pd.DataFrame(
        {
            "patient_id": [*range(1, count + 1), *visitors],
            "view": ["PA"] * count + views,
        }
    ).sort_values("patient_id", kind="stable", ignore_index=True)
    frame["follow_up"] = frame.groupby("patient_id").cumcount()
    frame.insert(
        0,
        "image",
        [
            f"{patient:08d}_{follow_up:03d}.png"
            for patient, follow_up in zip(frame["patient_id"], frame["follow_up"], strict=True)
        ],
    )
    frame["part"] = 1 + np.arange(len(frame)) * config["parts"] // len(frame)
    _describe(frame, config)
    _find(frame, config)
    return frame


def _describe(frame: pd.DataFrame, config: dict) -> None:
    """Add what is true of the patients and of the exposures."""

    def draw(purpose, key):
        return uniform(config["seed"], purpose, frame[key])

    frame["age"] = (18 + 72 * draw("age", "patient_id") ** 0.8).astype(int)
    frame["sex"] = np.where(draw("sex", "patient_id") < 0.56, "M", "F")
    ill = draw("emphysema", "patient_id") < config["emphysema_rate"]
    severity = 0.25 + 0.75 * draw("severity", "patient_id")
    frame["emphysema_severity"] = np.where(ill, severity, 0.0)
    frame["subcutaneous"] = draw("subcutaneous", "patient_id") < config["subcutaneous_rate"]
    kinds = np.array(sorted(anatomy.DEVICES))
    kind = kinds[(draw("device kind", "patient_id") * len(kinds)).astype(int)]
    frame["device"] = np.where(draw("device", "patient_id") < config["device_rate"], kind, "")
    frame["field_width"] = 33 + 8 * draw("field width", "image")
    frame["field_height"] = frame["field_width"] * (0.92 + 0.2 * draw("field height", "image"))
    frame["size"] = config["size"]


def _find(frame: pd.DataFrame, config: dict) -> None:
    """Add the true findings, and the ones that a text miner reported."""
    seed, images = config["seed"], frame["image"]
    true = {"Emphysema": frame["emphysema_severity"].to_numpy() > 0}
    for finding, rate in OTHER_FINDINGS.items():
        key = "patient_id" if finding == "Cardiomegaly" else "image"
        true[finding] = uniform(seed, finding, frame[key]) < rate
    reported = {}
    for finding, present in true.items():
        missed = uniform(seed, f"missed {finding}", images) < config["missed_rate"]
        invented = uniform(seed, f"invented {finding}", images) < config["false_positive_rate"]
        reported[finding] = np.where(present, ~missed, invented)
    mistaken = uniform(seed, "mistaken", images) < config["subcutaneous_reported_rate"]
    reported["Emphysema"] |= frame["subcutaneous"].to_numpy() & mistaken
    frame["true_findings"] = _joined(true)
    frame["reported_findings"] = _joined(reported)


def _joined(present: dict[str, np.ndarray]) -> list[str]:
    names = sorted(present)
    rows = zip(*(present[name] for name in names), strict=True)
    return [
        "|".join(name for name, here in zip(names, row, strict=True) if here) or "No Finding"
        for row in rows
    ]


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
    first, flat = row * len(image) + column, image.reshape(-1)
    upper_row = flat[first] * (1 - right) + flat[first + 1] * right
    first += len(image)
    lower_row = flat[first] * (1 - right) + flat[first + 1] * right
    return upper_row * (1 - lower) + lower_row * lower


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


def metadata(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `patients` as the NIH's Data_Entry_2017_v2020.csv has them."""
    return pd.DataFrame(
        {
            "Image Index": frame["image"],
            "Finding Labels": frame["reported_findings"],
            "Follow-up #": frame["follow_up"],
            "Patient ID": frame["patient_id"],
            "Patient Age": frame["age"],
            "Patient Gender": frame["sex"],
            "View Position": frame["view"],
            "OriginalImage[Width": frame["size"],
            "Height]": frame["size"],
            "OriginalImagePixelSpacing[x": (10 * frame["field_width"] / frame["size"]).round(4),
            "y]": (10 * frame["field_height"] / frame["size"]).round(4),
        }
    )


def truth(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what is true of each image: findings, severity, subcutaneous emphysema, device."""
    return frame[
        [
            "image",
            "patient_id",
            "view",
            "true_findings",
            "reported_findings",
            "emphysema_severity",
            "subcutaneous",
            "device",
        ]
    ]


def write_part(frame: pd.DataFrame, folder: str | Path, config: dict) -> None:
    """Render the rows of `frame` into PNG files in `folder`."""
    folder, started = Path(folder), time.monotonic()
    for done, row in enumerate(frame.itertuples(index=False), start=1):
        with replacing(folder / row.image) as temporary:
            Image.fromarray(render(row, config)).save(temporary, compress_level=1)
        if done % 100 == 0 or done == len(frame):
            rate = done / (time.monotonic() - started)
            log.info("%d of %d phantoms, %.0f images/s", done, len(frame), rate)
