"""Seconds and peak memory of `detection.measure` and `detection.reviews`, on one core.

    python benchmarks/detection_speed.py

Each case is a process of its own; scores and labels are random, with 8 % of wrong labels.
"""

import json
import resource
import sys
import time

import turns

SCORES = 20
# images, findings, classes, seconds allowed
CASES = {
    "the test split of emphysema": (21_176, 1, 2, 30),
    "fifty thousand images of ten classes": (50_000, 1, 10, 30),
    "407 images of fourteen findings": (407, 14, 2, 30),
}


def measure(images: int, findings: int, classes: int) -> dict:
    import numpy as np
    import pandas as pd

    from cxrnoise.statistics import detection

    rng = np.random.default_rng(0)
    n = images * findings
    wrong = rng.random(n) < 0.08
    image = np.arange(images).repeat(findings).astype(str)
    table = pd.DataFrame(
        {
            "image": image,
            "patient": image,
            "label": np.tile([f"finding {number}" for number in range(findings)], images),
            "given_label": rng.integers(0, classes, n),
            "wrong": wrong,
            detection.REFERENCE: rng.normal(1.5 * wrong),
            **{f"score {number}": rng.normal(1.5 * wrong) for number in range(1, SCORES)},
        }
    )
    started = time.perf_counter()
    detection.measure([table], findings > 1)
    measured = time.perf_counter()
    detection.reviews([table])
    return {
        "measure_s": measured - started,
        "reviews_s": time.perf_counter() - measured,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(measure(*map(int, sys.argv[1:]))))
        return
    turns.ENVIRONMENT["OPENBLAS_NUM_THREADS"] = "1"
    for name, (images, findings, classes, allowed) in CASES.items():
        row = turns.alone(__file__, images, findings, classes)
        seconds = row["measure_s"] + row["reviews_s"]
        row |= {"target_s": allowed, "met": seconds <= allowed and row["peak_mb"] <= 2000}
        print(json.dumps({"what": name, **row}))


if __name__ == "__main__":
    main()
