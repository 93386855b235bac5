"""Images of a model that disputes some labels, keys of studies and answers, for tests."""

import numpy as np
import pandas as pd

from cxrnoise.reading import study
from cxrnoise.scores.groups import groups

OPTIONS = {
    "cases": 20,
    "draw": "random",
    "by": "confidence",
    "strata": {"low": 3, "moderate": 2, "high": 1},
    "controls": 0,
    "repeats": 0,
}


def options(**changed):
    return study.Options(**OPTIONS | changed)


def run(n=200, seed=0):
    """Return what `study.candidates` does of a run on a finding."""
    random = np.random.default_rng(seed)
    images = np.array([f"{number:08d}_000.png" for number in range(n)])
    p1 = random.random(n).astype(np.float32)
    given = random.integers(0, 2, n)
    certain, unsure = np.abs(p1.astype(float) - 0.5), random.random(n) / 4
    return pd.DataFrame(
        {
            "image": images,
            "given_label": given,
            "predicted": (p1 > 0.5).astype(int),
            "p1": p1,
            "confidence": certain,
            "uncertainty": unsure,
            "confidence_group": groups(certain, images),
            "uncertainty_group": groups(unsure, images),
        }
    )


def key(rows):
    """Return a key of (given label, confidence group, uncertainty group) of disagreements."""
    frame = pd.DataFrame(rows, columns=["given_label", "confidence_group", "uncertainty_group"])
    return frame.assign(
        case=[f"c{number:012x}" for number in range(len(frame))],
        image=[f"{number:08d}_000.png" for number in range(len(frame))],
        role=study.DISAGREEMENT,
        repeats="",
        stratum="",
        weight=1.0,
        predicted=1 - frame["given_label"],
        p1=np.float32(0.5),
        confidence=0.3,
        uncertainty=0.01,
    )


def answers(key, **readers):
    """Return readings: for each reader one answer per case of the key, None for unread."""
    rows = [
        {"reader": reader, "case": case, "answer": answer, "other_finding": "", "source": "room"}
        for reader, said in readers.items()
        for case, answer in zip(key["case"], said, strict=True)
        if answer is not None
    ]
    return pd.DataFrame(rows, columns=["reader", "case", "answer", "other_finding", "source"])
