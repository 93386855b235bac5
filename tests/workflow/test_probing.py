"""The probe in the workflow: features by shard, predictions of every image, instance noise."""

import h5py
import pandas as pd

from cxrnoise.tasks.noise import instance

ORIENTATION = """tasks:
  orientation:
    kind: orientation
    crop: 40
    training: {epochs: 1}
"""
PROBE = "probe: {network: orientation, dimensions: 8, heads: 3}\nnetwork:"
RUN = "results/emphysema/noise-instance-16/seed-0"


def test_a_probe_judges_every_image_and_says_which_are_hard(finished):
    finished.edit("tiny.yaml", "tasks:\n", ORIENTATION)
    finished.edit("tiny.yaml", "network:", PROBE)
    noise = "    noise_levels: [0, 16]\n    noise_models: [symmetric, instance]\n"
    finished.edit("tiny.yaml", "    cohort: all\n", f"    cohort: all\n{noise}")
    scores = f"{RUN}/probe/scores/self_confidence.parquet"
    jobs = finished.run("--", scores)
    assert {rule: jobs[rule] for rule in ("train", "probe_features", "probe", "score")} == {
        "train": 1,
        "probe_features": 3,
        "probe": 2,
        "score": 1,
    }
    labels = pd.read_parquet(finished.folder / RUN / "labels.parquet")
    for table in (scores, f"{RUN}/probe/predictions.parquet", f"{RUN}/probe/labels.parquet"):
        assert set(pd.read_parquet(finished.folder / table)["image"]) == set(labels["image"])
    with h5py.File(finished.folder / RUN / "probe/heads.h5") as file:
        assert file["probabilities"].shape == (3, len(labels), 2)
    with h5py.File(finished.folder / RUN / "probe/features.h5") as file:
        assert file["features"].shape == (len(labels), 8)
    clean = finished.folder / "results/emphysema/noise-0/seed-0/probe/predictions.parquet"
    hard = pd.Series(instance.difficulty(labels, str(clean)))
    assert hard[labels["flipped"]].mean() > hard[~labels["flipped"]].mean()
    assert not finished.jobs("--", scores)


def test_a_probe_without_a_trained_network_is_one_sentence(fresh):
    printed = fresh.refuses("--dry-run", "--", "results/situs/noise-0/seed-0/probe/heads.h5")
    assert "The probe needs a trained network, but weights is none" in printed
    assert "Traceback" not in printed
