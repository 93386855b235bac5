"""The probe and the network of `orientation` that its features are of; instance noise."""

import shutil

import h5py
import pandas as pd
import pytest

from cxrnoise.tasks.noise import instance
from project import Project

ORIENTATION = """tasks:
  orientation:
    kind: orientation
    crop: 40
    training: {epochs: 1}
"""
PROBE = "probe: {network: orientation, dimensions: 8, heads: 3}\nnetwork:"
NOISE = "    noise_levels: [0, 16]\n    noise_models: [symmetric, instance]\n"
RUN = "results/emphysema/noise-instance-16/seed-0"
PROBED = f"{RUN}/probe/scores/self_confidence.parquet"
HANGING = "results/orientation/noise-0/seed-0"
FILED = [f"{HANGING}/verdicts.parquet", f"{HANGING}/scores/confidence.parquet"]


@pytest.fixture(scope="module")
def probed(pristine):
    """A project in which the probe and what looks for wrong orientations have run, in one call."""
    shutil.rmtree(pristine)
    shutil.copytree(pristine.with_name("pristine"), pristine)
    project = Project(pristine)
    project.edit("tiny.yaml", "tasks:\n", ORIENTATION)
    project.edit("tiny.yaml", "network:", PROBE)
    project.edit("tiny.yaml", "    cohort: all\n", f"    cohort: all\n{NOISE}")
    jobs = project.run("--", PROBED, *FILED)
    steps = {"train": 1, "predict": 1, "mcbn": 1, "verdicts": 1, "score": 2}
    steps |= {"probe_features": 3, "probe": 2}
    assert {rule: jobs[rule] for rule in steps} == steps
    return project


def test_a_probe_judges_every_image_and_says_which_are_hard(probed):
    labels = pd.read_parquet(probed.folder / RUN / "labels.parquet")
    for table in (PROBED, f"{RUN}/probe/predictions.parquet", f"{RUN}/probe/labels.parquet"):
        assert set(pd.read_parquet(probed.folder / table)["image"]) == set(labels["image"])
    with h5py.File(probed.folder / RUN / "probe/heads.h5") as file:
        assert file["probabilities"].shape == (3, len(labels), 2)
    with h5py.File(probed.folder / RUN / "probe/features.h5") as file:
        assert file["features"].shape == (len(labels), 8)
    clean = probed.folder / "results/emphysema/noise-0/seed-0/probe/predictions.parquet"
    hard = pd.Series(instance.difficulty(labels, str(clean)))
    assert hard[labels["flipped"]].mean() > hard[~labels["flipped"]].mean()
    assert not probed.jobs("--", PROBED)


def test_the_orientation_of_every_file_is_predicted_and_disagreements_are_listed(probed):
    predictions = pd.read_parquet(probed.folder / HANGING / "predictions.parquet")
    assert predictions.shape == (70, 2 + 16)  # every PA image, as it was filed
    verdicts, scores = (pd.read_parquet(probed.folder / path).set_index("image") for path in FILED)
    assert set(verdicts.index) == set(scores.index) == set(predictions["image"])
    assert (verdicts["given_label"] == 0).all()  # somebody filed it as upright
    suspects = scores[scores["value"] > 0].sort_values("value", ascending=False)
    assert set(suspects.index) == set(verdicts.index[verdicts["verdict"] == "?"])
    assert suspects["value"].max() <= 15 / 16


def test_a_probe_without_a_trained_network_is_one_sentence(fresh):
    printed = fresh.refuses("--dry-run", "--", "results/situs/noise-0/seed-0/probe/heads.h5")
    assert "The probe needs a trained network, but weights is none" in printed
    assert "Traceback" not in printed
