"""A small reading study and answers to it, for the tests of the reading room."""

import hashlib
import json
from pathlib import Path

import numpy as np
from PIL import Image

from cxrnoise.reading.answers import Asked, Reading

STUDY = "0123456789abcdef"
ASKED = Asked(("Emphysema",))
NIH = (
    *("Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia"),
    *("Pneumothorax", "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural Thickening"),
    "Hernia",
)
ROTATIONS = ("upright", "turned left", "turned right", "upside down")
TIME = "2026-01-31T12:00:00Z"


def write_study(
    folder: Path, cases: int = 4, size: int = 64, study: str = STUDY, asked: Asked = ASKED
) -> list[str]:
    """Write a study of noise images; return its cases."""
    (folder / "images").mkdir(parents=True)
    names = [f"c{hashlib.sha256(str(number).encode()).hexdigest()[:12]}" for number in range(cases)]
    for number, name in enumerate(names):
        pixels = np.random.default_rng(number).integers(60, 200, (size, size), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{name}.png")
    content = {
        "study": study,
        "title": "Emphysema, test",
        **({"finding": asked.findings[0]} if len(asked.findings) == 1 else {}),
        **({"findings": asked.findings} if len(asked.findings) > 1 else {}),
        **({"classes": asked.classes} if asked.classes else {}),
        "seed": 0,
        "cases": names,
    }
    (folder / "study.json").write_text(json.dumps(content), encoding="utf-8")
    return names


def reading(case: str, **values) -> Reading:
    known = {
        "study": STUDY,
        "reader": "ann",
        "finding": "Emphysema",
        "answer": "present",
        "confidence": 4,
        "other_finding": "",
        "comment": "",
        "seconds": 12.5,
        "answered_at": TIME,
    }
    return Reading(case=case, **known | values)


def answer(case: str, submission: str, **values) -> dict:
    """The body of a request that saves an answer; the submission's id is made from its name."""
    known = {
        "submission": hashlib.sha256(submission.encode()).hexdigest()[:32],
        "reader": "ann",
        "case": case,
        "answer": "present",
        "confidence": 4,
        "other_finding": "",
        "comment": "",
        "seconds": 12.5,
    }
    return known | values


def several(case: str, submission: str, said: dict[str, str], **values) -> dict:
    """The body of a request that saves the answers to all findings of a case."""
    body = answer(case, submission, **values) | {"answers": said}
    for name in ("answer", "confidence", "other_finding"):
        del body[name]
    return body
