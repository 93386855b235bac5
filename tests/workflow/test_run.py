"""What a whole run leaves, and what a killed training leaves to the next."""

import json
import os
import signal
import time

import h5py
import keras
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

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


def test_a_killed_training_resumes_to_the_same_bits(finished):
    finished.edit("tiny.yaml", "epochs: 4", "epochs: 40")
    model = f"{RUN}/model.keras"
    progress = finished.folder / RUN / "progress"
    run = finished.start("--", model)
    wait_until((progress / "checkpoint" / "state.json").exists, run)
    os.kill(int((progress / "lock").read_text()), signal.SIGKILL)
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
