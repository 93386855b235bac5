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
    for name in ("labels", "predictions", "verdicts", "scores/confidence"):
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
    flips = pd.read_csv(finished.folder / RUN / "flips.csv")
    assert list(flips) == ["split", "label", "class", "images", "flipped", "percent"]
    assert set(flips["label"]) == {"situs"}
    for name, images in {"unmirrored": [15, 5, 10], "mirrored": [15, 5, 10]}.items():
        assert flips.loc[flips["class"] == name, "images"].tolist() == images
    by_split = labels.groupby("split")["flipped"].sum().to_dict()
    assert flips.groupby("split")["flipped"].sum().to_dict() == by_split
    log = finished.read("results/logs/situs/noise-8/seed-0/labels.log").decode()
    assert "asked for 8 % of flipped labels, drawn:" in log
    for row in flips.itertuples():
        assert re.search(rf"{row.split} +situs +{row[3]} +{row.images} +{row.flipped} ", log)


def test_a_digest_of_the_labels_and_pixels_lies_beside_the_labels(finished):
    digests = {
        noise: finished.read(f"results/situs/noise-{noise}/seed-0/content.sha256").split()[0]
        for noise in (0, 8)
    }
    assert len(digests[8]) == 64
    assert digests[0] != digests[8]


def test_every_layout_of_the_images_gives_the_same_shards(fresh, chestxray14_folder):
    shards = ["images/shards/000.h5", "images/shards/001.h5"]
    configuration = fresh.read("tiny.yaml")
    for layout in ("folder", "kaggle", "archives"):
        (fresh.folder / "tiny.yaml").write_bytes(configuration)
        fresh.takes(chestxray14_folder(layout=layout, name=layout, patients=20))
        targets = [f"{layout}/{shard}" for shard in shards]
        jobs = fresh.run("--config", f"results={layout}", "--", *targets)
        assert jobs["shard"] == 2
        assert jobs.get("archive", 0) == (2 if layout == "archives" else 0)
        for shard in shards:
            assert fresh.read(f"{layout}/{shard}") == fresh.read(f"folder/{shard}")


def test_the_command_line_chooses_data_results_weights_levels_and_seeds(fresh, chestxray14_folder):
    data = chestxray14_folder(layout="kaggle")
    weights = data.metadata.with_name("weights.npz")
    weights.write_bytes(b"")
    chosen = [f"images={data.images}", f"metadata={data.metadata}", f"weights={weights}"]
    chosen += ["results=elsewhere", "tasks={situs: {noise_levels: [0,2.5]}}", "seeds=[3,4]"]
    (fresh.folder / "tiny.yaml").write_text("{}")  # the paper's configuration
    planned = fresh.snakemake("--dry-run", "--config", *chosen, "--", "elsewhere/table1.csv")
    assert planned.returncode == 0, planned.stderr
    trained = re.findall(r"output: (\S+/model.keras)", planned.stdout + planned.stderr)
    assert sorted(trained) == [
        f"elsewhere/situs/noise-{noise}/seed-{seed}/model.keras"
        for noise in ("0", "2.5")
        for seed in (3, 4)
    ]
    for path in (weights, data.metadata, data.images / "images_001"):
        assert str(path) in planned.stdout + planned.stderr


def test_a_killed_training_resumes_to_the_same_bits(finished):
    finished.edit("tiny.yaml", "epochs: 4", "epochs: 20")
    model = f"{RUN}/model.keras"
    progress = finished.folder / RUN / "progress"
    run = finished.start("--", model)
    lock = progress.with_name("progress.lock")
    wait_until((progress / "checkpoint.keras").exists, run)
    os.kill(int(lock.read_text().split()[-1]), signal.SIGKILL)
    assert run.wait(60) != 0
    assert not (finished.folder / model).exists()

    finished.run("--", model)
    log = finished.read("results/logs/situs/noise-8/seed-0/train.log").decode()
    assert "resuming after step" in log
    resumed = keras.saving.load_model(finished.folder / model).get_weights()
    assert not progress.exists() and not lock.exists()

    finished.run("--force", model)
    only_our_lines(finished)
    whole = keras.saving.load_model(finished.folder / model).get_weights()
    for one, other in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(one, other)


def only_our_lines(project):
    """The log of a training and what Snakemake printed have nothing of TensorFlow."""
    log = project.read("results/logs/situs/noise-8/seed-0/train.log").decode()
    noise = r"cuInit|cudart|oneDNN|rebuild TensorFlow|absl::|[EIW]\d{4} \d\d:\d\d:"
    assert not re.search(noise, log + project.printed, re.IGNORECASE)
    assert re.fullmatch(r"(\d\d:\d\d:\d\d (INFO|WARNING) .*\n)+", log)


def wait_until(condition, run, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert run.poll() is None, "the workflow ended too early"
        assert time.monotonic() < deadline, "the workflow took too long"
        time.sleep(0.05)


def test_class_conditional_noise_has_a_table_of_its_own(finished):
    before = finished.read("results/table1.csv")
    rates = "noise_models: [class_conditional], noise_levels: [40], class_rates: {mirrored: 1}"
    chosen = f"tasks={{situs: {{{rates}}}}}"
    jobs = finished.run("--config", chosen, "--", "table1")
    steps = {"labels": 1, "train": 1, "predict": 1, "mcbn": 1, "verdicts": 1, "score": 2}
    assert jobs == {**steps, "write_table1": 1, "draw_situs": 1}
    run = "results/situs/noise-class_conditional-40/seed-0"
    flips = pd.read_csv(finished.folder / run / "flips.csv").groupby("class")["flipped"].sum()
    assert flips["unmirrored"] == 0 < flips["mirrored"]
    table = pd.read_csv(finished.folder / "results/table1-class_conditional.csv")
    assert table["noise_percent"].tolist() == [40]
    assert (finished.folder / "results/figures/situs-class_conditional.svg").exists()
    assert finished.read("results/table1.csv") == before


@pytest.mark.parametrize("target", ["table1", None])
def test_a_report_after_table_1_alone_asks_for_no_other_table(finished, target):
    """Table 2 of these simulated readers is part of `all`, and nobody has made it."""
    with (finished.folder / "tiny.yaml").open("a") as file:
        file.write("\nreadings: simulated\n")
    arguments = ["--", target] if target else []
    done = finished.snakemake("--report", "report.html", *arguments)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Table 1" in finished.read("report.html").decode()


def test_a_results_folder_may_be_written_as_people_type_it(finished):
    for typed in ("results/", "./results", f"{finished.folder}/results/../results"):
        done = finished.snakemake("--dry-run", "--config", f"results={typed}", "--", "table1")
        assert done.returncode == 0, done.stderr[-2000:]
        assert "WARNING" not in done.stderr.upper()
    finished.edit("tiny.yaml", "images:", "results: results/\nimages:")
    assert finished.jobs("--", "table1") == {}
