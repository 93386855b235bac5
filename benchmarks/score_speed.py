"""Seconds that each score takes, and how well it finds the labels that are known to be wrong.

    python benchmarks/score_speed.py          # made up: 21,176 images, T = 100, 2 classes
    python benchmarks/score_speed.py FILE     # predictions from elsewhere, such as CIFAR-10N's

Scores that a run has no parts for, and those of cleanlab where it is not installed, are left out.
Of the made-up run only the times mean something.
"""

import argparse
import os
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as a job has
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests")]

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from sklearn.metrics import average_precision_score, roc_auc_score  # noqa: E402

import runs  # noqa: E402
from cxrnoise.core.errors import UserError  # noqa: E402
from cxrnoise.core.manifests import UNKNOWN  # noqa: E402
from cxrnoise.scores import tables  # noqa: E402
from cxrnoise.scores.registry import SCORES  # noqa: E402
from cxrnoise.scores.run import Run  # noqa: E402
from cxrnoise.tasks.kinds import predictions  # noqa: E402

IMAGES, SAMPLES, MEMBERS, FEATURES = 21_176, 100, 5, 128


def made_up() -> Run:
    """Return a run of the size of the paper's emphysema test set, with every part."""
    random = np.random.default_rng(0)
    true = random.integers(0, 2, IMAGES)
    given = np.where(random.random(IMAGES) < 0.08, 1 - true, true)

    def drawn(*stack):
        present = random.beta(np.where(true, 3, 1), np.where(true, 1, 3), (*stack, IMAGES))
        return np.stack([1 - present, present], axis=-1).astype(np.float32)

    patient = random.integers(0, IMAGES // 3, IMAGES).astype(str)
    dynamics = pd.DataFrame(
        {
            "margin": random.normal(size=IMAGES),
            "probability": random.random(IMAGES),
            "forgotten": random.integers(0, 5, IMAGES),
            "epochs": 5,
        }
    )
    return replace(
        runs.exclusive(true, given, drawn(), drawn(SAMPLES), patient=patient),
        members=drawn(MEMBERS),
        augmented=drawn(MEMBERS),
        dropout=drawn(SAMPLES),
        features=random.normal(size=(IMAGES, FEATURES)).astype(np.float32),
        dynamics=dynamics,
    )


def from_elsewhere(path: str) -> Run:
    labels, predicted, classes, exclusive = predictions.read(path, {})
    labels = labels.assign(given_label=labels["reported_label"])
    probabilities = predicted[classes].to_numpy(np.float32)
    return Run(labels, predicted["image"].to_numpy(), probabilities, None, classes, exclusive)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", nargs="?", help="predictions from elsewhere")
    path = parser.parse_args().file
    run = from_elsewhere(path) if path else made_up()
    labels = run.labels[run.labels["given_label"] != UNKNOWN]
    wrong = labels["given_label"].to_numpy() != labels["true_label"].to_numpy()
    print(f"{len(labels)} labels, {wrong.sum()} wrong")
    total = 0
    for name in SCORES:
        start = time.perf_counter()
        try:
            values = tables.scored(run, name)["value"].to_numpy()
        except UserError:
            continue
        seconds = time.perf_counter() - start
        total += seconds
        found = roc_auc_score(wrong, values), average_precision_score(wrong, values)
        print(f"{name:38} {seconds:6.2f} s   AUROC {found[0]:.4f}   AP {found[1]:.4f}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"all: {total:.1f} s, {peak:.2f} GB at the most")


if __name__ == "__main__":
    main()
