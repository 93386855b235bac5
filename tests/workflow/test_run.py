"""What a whole run leaves, and what a killed training leaves to the next."""

import hashlib
import json
import os
import re
import signal
import time

import h5py
import keras
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

RUN = "results/situs/noise-8/seed-0"


def test_every_step_leaves_what_made_it(finished):
    for name in ("labels", "predictions", "scores"):
        metadata = pq.read_schema(finished.folder / RUN / f"{name}.parquet").metadata
        assert json.loads(metadata[b"provenance"])["packages"]["pyarrow"]
    with h5py.File(finished.folder / RUN / "mcbn.h5") as file:
        assert file["probabilities"].shape == (3, 20, 2)
    assert json.loads(finished.read(f"{RUN}/provenance.json"))["config"]["noise"] == "8"
    assert (finished.folder / "results/figures/situs.svg").stat().st_size > 1000


def test_the_table_counts_every_disagreement_once(finished):
    table = pd.read_csv(finished.folder / "results/table1.csv")
    assert table["noise_percent"].tolist() == [0, 8]
    assert (table["n"] == 20).all()
    for by in ("confidence", "uncertainty"):
        groups = [column for column in table if column.startswith(by)]
        assert len(groups) == 6
        assert (table[groups].sum(axis=1) == table["errors_noisy"]).all()


def test_the_monte_carlo_samples_leave_the_model_that_was_trained(finished):
    model = hashlib.sha256(finished.read(f"{RUN}/model.keras")).hexdigest()
    with h5py.File(finished.folder / RUN / "mcbn.h5") as file:
        assert json.loads(file.attrs["provenance"])["config"]["model"] == model


def test_the_flips_of_each_split_are_stored_and_printed(finished):
    labels = pd.read_parquet(finished.folder / RUN / "labels.parquet")
    flips = pd.read_csv(finished.folder / RUN / "flips.csv").set_index("split")
    assert flips["images"].to_dict() == {"train": 30, "val": 10, "test": 20}
    assert flips["flipped"].to_dict() == labels.groupby("split")["flipped"].sum().to_dict()
    assert flips["mirrored"].to_dict() == {"train": 15, "val": 5, "test": 10}
    log = finished.read("results/logs/situs/noise-8/seed-0/labels.log").decode()
    assert "asked for 8 % of flipped labels, drawn:" in log
    for split, flipped in flips["flipped"].items():
        assert re.search(rf"{split} .* {flipped} ", log)


@pytest.mark.parametrize("layout", ["kaggle", "archives"])
def test_every_layout_of_the_images_gives_the_shards_of_one_folder(
    fresh, chestxray14_folder, layout
):
    fresh.without_phantoms()
    shards = ["images/shards/000.h5", "images/shards/001.h5"]
    for name in ("folder", layout):
        data = chestxray14_folder(layout=name, name=name, patients=20)
        settings = [f"images={data.images}", f"metadata={data.metadata}", f"results={name}"]
        jobs = fresh.run("--config", *settings, "--", *[f"{name}/{shard}" for shard in shards])
        assert jobs["shard"] == 2
    assert jobs.get("archive", 0) == (2 if layout == "archives" else 0)
    for shard in shards:
        assert fresh.read(f"folder/{shard}") == fresh.read(f"{layout}/{shard}")


def test_the_command_line_chooses_data_results_weights_levels_and_seeds(fresh, chestxray14_folder):
    data = chestxray14_folder(layout="kaggle")
    weights = data.metadata.with_name("weights.npz")
    weights.write_bytes(b"")
    chosen = [f"images={data.images}", f"metadata={data.metadata}", f"weights={weights}"]
    chosen += ["results=elsewhere", "noise_levels=[0,2.5]", "seeds=[3,4]"]
    (fresh.folder / "tiny.yaml").write_text("{}")  # the paper's configuration
    planned = fresh.snakemake("--dry-run", "--config", *chosen, "--", "elsewhere/table1.csv")
    assert planned.returncode == 0, planned.stderr
    trained = re.findall(r"output: (\S+/model.keras)", planned.stdout + planned.stderr)
    assert sorted(trained) == [
        f"elsewhere/situs/noise-{noise}/seed-{seed}/model.keras"
        for noise in ("0", "2.5")
        for seed in (3, 4)
    ]
    for path in (weights, data.metadata, data.images / "images_001/images"):
        assert str(path) in planned.stdout + planned.stderr


def test_a_killed_training_resumes_to_the_same_bits(finished):
    finished.edit("tiny.yaml", "epochs: 4", "epochs: 40")
    model = f"{RUN}/model.keras"
    progress = finished.folder / RUN / "progress"
    run = finished.start("--", model)
    wait_until((progress / "checkpoint" / "state.json").exists, run)
    os.kill(int((progress / "lock").read_text().split()[1]), signal.SIGKILL)
    assert run.wait(60) != 0
    assert not (finished.folder / model).exists()

    finished.run("--", model)
    log = finished.read("results/logs/situs/noise-8/seed-0/train.log").decode()
    assert "resuming after step" in log
    resumed = keras.saving.load_model(finished.folder / model).get_weights()
    assert not progress.exists()

    finished.run("--force", model)
    whole = keras.saving.load_model(finished.folder / model).get_weights()
    for one, other in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(one, other)


def wait_until(condition, run, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert run.poll() is None, "the workflow ended too early"
        assert time.monotonic() < deadline, "the workflow took too long"
        time.sleep(0.05)


def test_a_finding_is_trained_and_evaluated_beside_situs(finished):
    run = "results/emphysema/noise-0/seed-0"
    jobs = finished.run("--", f"{run}/evaluation.csv", f"{run}/scores.parquet")
    steps = ("cohort", "labels", "train", "predict", "mcbn", "scores", "evaluate")
    assert jobs == dict.fromkeys(steps, 1)
    scores = pd.read_parquet(finished.folder / run / "scores.parquet")
    assert set(scores["verdict"]) <= {"", "?"}
    assert (scores["true_label"] == -1).all()
    evaluation = pd.read_csv(finished.folder / run / "evaluation.csv", index_col="measure")
    assert evaluation.at["images", "value"] == len(scores)
    assert finished.jobs() == {}
    finished.edit("tiny.yaml", "crop: 40", "crop: 44")
    assert finished.jobs("--", f"{run}/scores.parquet") == dict.fromkeys(
        ("train", "predict", "mcbn", "scores"), 1
    )
