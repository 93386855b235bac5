"""Compare the features of two probes on the same labels of several findings.

    python benchmarks/detection_features.py IMAGENET OTHER --reads majority.csv --seeds 1

IMAGENET and OTHER are folders of results in which `detection` was run with the probe on the task
`findings`. Printed are the log loss of the given labels, by which features may be chosen, and how
well self-confidence finds the labels that the readers contradict, with paired intervals.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import turns  # noqa: F401 - the library is on the path
from sklearn.metrics import log_loss

from cxrnoise.core import manifests
from cxrnoise.reading import truth
from cxrnoise.statistics import detection, known_errors

OTHER = "other"
MEASURES = ("auroc", "average_precision")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("imagenet", type=Path)
    parser.add_argument("other", type=Path)
    parser.add_argument("--reads", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    options = parser.parse_args()
    folders = {detection.REFERENCE: options.imagenet, OTHER: options.other}
    scored = [_scored(folders, seed) for seed in options.seeds]
    _print_log_loss(scored)
    findings = sorted(scored[0]["label"].unique())
    verdicts = truth.read(options.reads, findings, truth.MAJORITY)
    seeds = [known_errors.known(known_errors.judged(table, verdicts)) for table in scored]
    found = detection.measure(seeds, findings=True)
    pooled = found["label"].isin([detection.POOLED, detection.MEAN])
    shown = found[pooled & found["measure"].isin(MEASURES) & (found["direction"] == detection.ANY)]
    columns = ["score", "label", "measure", "value", "low", "high"]
    columns += ["difference", "difference_low", "difference_high"]
    print(shown[columns].round(4).to_string(index=False))


def _scored(folders: dict[str, Path], seed: int) -> pd.DataFrame:
    runs = {
        name: folder / f"findings/noise-0/seed-{seed}/probe" for name, folder in folders.items()
    }
    scores = {
        name: manifests.read(run / "scores/self_confidence.parquet", "scores")
        for name, run in runs.items()
    }
    labels = manifests.read(runs[OTHER] / "labels.parquet", "labels")
    return known_errors.scored(labels, scores)


def _print_log_loss(scored: list[pd.DataFrame]) -> None:
    for name in (detection.REFERENCE, OTHER):
        losses = []
        for table in scored:
            given = table["given_label"].to_numpy()
            present = np.where(given == 1, 1 - table[name], table[name])
            losses.append(log_loss(given, np.clip(present, 1e-7, 1 - 1e-7)))
        each = ", ".join(f"{loss:.4f}" for loss in losses)
        print(f"log loss of the given labels, {name}: {np.mean(losses):.4f} ({each})")


if __name__ == "__main__":
    main()
