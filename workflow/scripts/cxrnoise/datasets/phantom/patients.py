"""Who is in the phantom data set, and what its metadata says of them.

The files look like ChestXRay14's. Nothing is drawn here: `render` does that. See docs/phantom.md.
"""

import numpy as np
import pandas as pd

from cxrnoise.core.randomness import uniform

OTHER_FINDINGS = {"Cardiomegaly": 0.04, "Effusion": 0.14, "Infiltration": 0.2, "Nodule": 0.06}
FINDINGS = ("Emphysema", *OTHER_FINDINGS)
DEVICES = ("catheter", "pacemaker", "sternal wires", "wires")


def patients(config: dict, part: int | None = None) -> pd.DataFrame:
    """Draw who is in the data set, without rendering anything.

    Parameters
    ----------
    config: patients, pa_images, ap_images (numbers), size (pixels), parts, seed, and the rates
        emphysema_rate, subcutaneous_rate, missed_rate, false_positive_rate,
        subcutaneous_reported_rate, device_rate; optionally images_per_patient, the number of PA
        images that every patient has at least (1 if not given). `pa_images` must be at least
        patients × images_per_patient.
    part: return the rows of this part alone; they are the same as in the whole table.

    Returns
    -------
    One row per image, ordered by patient and follow-up: image, patient_id, follow_up, view, age,
    sex, part (1..parts, contiguous), emphysema_severity (0-1), subcutaneous, device ("" for
    none), field_width, field_height (cm), size, true_findings, reported_findings (joined by "|").
    """
    count, seed = config["patients"], config["seed"]
    everyone = [*range(1, count + 1)] * config.get("images_per_patient", 1)
    further = ["PA"] * (config["pa_images"] - len(everyone)) + ["AP"] * config["ap_images"]
    visitors = 1 + (uniform(seed, "visitor", range(len(further))) * count).astype(int)
    frame = pd.DataFrame(
        {
            "patient_id": [*everyone, *visitors],
            "view": ["PA"] * len(everyone) + further,
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
    if part:
        frame = frame[frame["part"] == part].reset_index(drop=True)
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
    kind = np.array(DEVICES)[(draw("device kind", "patient_id") * len(DEVICES)).astype(int)]
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
