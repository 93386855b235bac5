"""A user's mistake: one sentence that says what and where, a failing exit, and nothing lost."""

import shutil

import pandas as pd
import pytest

from cxrnoise.core import manifests

MODEL = "results/situs/noise-0/seed-0/model.keras"
LABELS = "results/situs/noise-0/seed-0/labels.parquet"
SHARD = "results/images/shards/000.h5"


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ("epoch=3", "epoch"),
        ("noise_levels=[0,64]", "noise_levels"),
        ("noise_levels=[0,8,8]", "noise_levels"),
        ("situs={crop: 100}", "situs.crop"),
        ("training={batch_size: many}", "training.batch_size"),
    ],
)
def test_a_wrong_key_is_named_before_any_job_starts(fresh, setting, key):
    printed = fresh.refuses("--config", setting)
    assert key in printed
    assert "Traceback" not in printed
    assert not (fresh.folder / "results").exists()


def test_no_images_are_said_before_any_job_starts(fresh):
    fresh.without_phantoms()
    (fresh.folder / "results/phantom").mkdir(parents=True)
    printed = fresh.refuses()
    assert "No images found in results/phantom" in printed
    assert "Traceback" not in printed


def on_disk(project, data):
    """Let the project take a data set on disk; return the arguments that name it."""
    project.without_phantoms()
    return "--config", f"images={data.images}", f"metadata={data.metadata}", "--"


def test_folders_may_have_names_that_a_shell_would_take_for_commands(fresh, chestxray14_folder):
    data = chestxray14_folder(name='it\'s "two" words; $(touch x) `touch x` & 100%')
    results = data.images.parent / "out"
    command, *paths, end = on_disk(fresh, data)
    shard = results / "images/shards/000.h5"
    fresh.run(command, *paths, f"results={results}", end, str(shard))
    assert shard.exists()
    assert not [*fresh.folder.rglob("x"), *results.rglob("x")]


def test_metadata_that_lack_a_column_are_said_before_any_job_starts(fresh, chestxray14_folder):
    data = chestxray14_folder()
    data.metadata.write_text(data.metadata.read_text().replace("Patient ID", "Person"))
    printed = fresh.refuses(*on_disk(fresh, data), SHARD)
    assert "metadata.csv has no column Patient ID" in printed
    assert "Traceback" not in printed
    assert not (fresh.folder / "results").exists()


def test_a_truncated_png_stops_the_run_before_the_first_shard_unless_tolerated(
    fresh, chestxray14_folder
):
    data = chestxray14_folder()
    (data.images / data.pa[0]).write_bytes(data.pngs[data.pa[0]][:-20])
    arguments = on_disk(fresh, data)
    printed = fresh.refuses(*arguments, SHARD)
    assert f"1 truncated (0 tolerated), namely {data.pa[0]}" in printed
    assert "Traceback" not in printed
    assert not (fresh.folder / "results/images/shards").exists()
    [line] = pd.read_csv(fresh.folder / "results/logs/images-report.csv").to_dict("records")
    assert (line["image"], line["problem"]) == (data.pa[0], "truncated")
    assert line["where"] == f"images: {data.images / data.pa[0]}"
    assert "get the file again" in line["what_to_do"]
    fresh.edit("tiny.yaml", "shards:", "tolerated: {truncated: 1}\nshards:")
    assert fresh.run(*arguments, SHARD) == {"index": 1, "shard": 1}


def test_an_empty_cohort_is_said(fresh, chestxray14_folder):
    data = chestxray14_folder()
    data.metadata.write_text(data.metadata.read_text().replace(",PA,", ",AP,"))
    printed = fresh.refuses(*on_disk(fresh, data), "results/situs/cohort-0.parquet")
    assert "the cohort is empty" in printed
    assert "Traceback" not in printed


def test_a_full_disk_stops_a_job_with_a_sentence_and_the_next_call_goes_on(
    fresh, chestxray14_folder, full_disk
):
    arguments = on_disk(fresh, chestxray14_folder(patients=90))
    with full_disk(60_000):  # 30 images of 48 x 48 pixels are 69,120 bytes
        printed = fresh.refuses(*arguments, SHARD)
    assert f"{SHARD} could not be written (File too large): free some space" in printed
    assert "Traceback" not in printed
    assert not (fresh.folder / SHARD).exists()
    assert fresh.run(*arguments, SHARD) == {"shard": 1}


def test_a_backbone_without_imagenet_weights_is_said_without_a_download(fresh):
    weights = "results/weights/small-imagenet.keras"
    printed = fresh.refuses("--", weights)
    assert "there are no ImageNet weights for the backbone small" in printed
    assert "Traceback" not in printed
    assert not (fresh.folder / weights).exists()


def test_weights_of_another_architecture_stop_the_training(finished):
    shutil.copy(finished.folder / MODEL, finished.folder / "donor.keras")
    finished.edit("tiny.yaml", "weights: none", "weights: donor.keras")
    finished.edit("tiny.yaml", "backbone: small", "backbone: resnet18")
    printed = finished.refuses("--", MODEL)
    assert "donor.keras are of another architecture" in printed
    assert "Traceback" not in printed


def test_a_damaged_shard_is_named_before_it_is_read(finished):
    shard = finished.folder / "results/images/shards/000.h5"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    run = MODEL.removesuffix("model.keras")
    outputs = [f"{run}predictions.parquet", f"{run}mcbn.h5"]
    finished.refuses("--keep-going", "-R", "predict", "mcbn", "--", *outputs)
    for rule in ("predict", "mcbn"):
        log = finished.read(f"results/logs/situs/noise-0/seed-0/{rule}.log").decode()
        assert "shards/000.h5 does not match" in log
    printed = finished.refuses("-R", MODEL, "--", MODEL)
    assert "shards/000.h5 does not match" in printed
    assert "snakemake results/images/shards/000.h5" in printed


def test_splits_larger_than_the_cohort_are_refused_and_lose_nothing(finished):
    before = finished.read("results/table1.csv")
    finished.edit("tiny.yaml", "train: 30", "train: 3000")
    printed = finished.refuses()
    assert "situs.splits asks for 3030 patients" in printed
    assert finished.read("results/table1.csv") == before


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("patient", "7", "has patient 7 in more than one split"),
        ("row", 0, "does not match the shards"),
    ],
)
def test_labels_that_cannot_be_right_are_named_before_they_are_trained_on(
    finished, column, value, sentence
):
    before = finished.read("results/table1.csv")
    labels = manifests.read(finished.folder / LABELS, "labels")
    changed = labels.assign(**{column: value})
    manifests.write(changed, finished.folder / LABELS, "labels", "{}")
    printed = finished.refuses("--", MODEL)
    assert f"{LABELS} {sentence}" in printed
    assert "Traceback" not in printed
    assert finished.read("results/table1.csv") == before


def test_a_loss_that_is_no_number_stops_the_training(finished):
    before = finished.read("results/table1.csv")
    printed = finished.refuses("--config", "training={learning_rate: 1.0e+30}", "--", MODEL)
    assert "the loss is not a number after step" in printed
    assert "Traceback" not in printed
    assert not (finished.folder / MODEL).exists()
    assert finished.read("results/table1.csv") == before
