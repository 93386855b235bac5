"""A user's mistake: one sentence that says what and where, a failing exit, and nothing lost."""

import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import tiny
from cxrnoise.core import manifests

MODEL = "results/situs/noise-0/seed-0/model.keras"
SHARD = "results/images/shards/000.h5"


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ("epoch=3", "no key epoch"),
        ("tasks={situs: {crop: 100}}", "tasks.situs.crop"),
        ("tasks={situs: {noise_models: [symetric]}}", "no noise model 'symetric'"),
    ],
)
def test_a_wrong_key_is_named_before_any_job_starts(fresh, setting, key):
    said = fresh.refuses("--config", setting)
    assert key in said
    assert not (fresh.folder / "results").exists()


def test_no_images_are_said_before_any_job_starts(fresh):
    fresh.takes(SimpleNamespace(images="nothing", metadata="nothing.csv"))
    (fresh.folder / "nothing").mkdir()
    said = fresh.refuses("--", "table1")
    assert "No images found in nothing" in said
    assert not (fresh.folder / "results").exists()


def test_folders_may_have_names_that_a_shell_would_take_for_commands(fresh, chestxray14_folder):
    data = chestxray14_folder(name='it\'s "two" words; $(touch x) `touch x` & 100%')
    results = data.images.parent / "out"
    fresh.takes(data)
    shard = results / "images/shards/000.h5"
    fresh.run("--config", f"results={results}", "--", str(shard))
    assert shard.exists()
    assert not [*fresh.folder.rglob("x"), *results.rglob("x")]


def test_metadata_that_lack_a_column_are_said_before_any_shard(fresh, chestxray14_folder):
    data = chestxray14_folder()
    data.metadata.write_text(data.metadata.read_text().replace("Patient ID", "Person"))
    fresh.takes(data)
    said = fresh.refuses("--", "table1")
    assert "metadata.csv has no column for the patient: call it 'patient'" in said
    assert "'Person'" in said
    assert not (fresh.folder / "results/images/shards").exists()


def test_a_truncated_png_stops_the_run_before_the_first_shard_unless_tolerated(
    fresh, chestxray14_folder
):
    data = chestxray14_folder()
    (data.images / data.pa[0]).write_bytes(data.pngs[data.pa[0]][:-20])
    fresh.takes(data)
    said = fresh.refuses("--", SHARD)
    assert f"1 truncated (0 tolerated), namely {data.pa[0]}" in said
    assert not (fresh.folder / "results/images/shards").exists()
    [line] = pd.read_csv(fresh.folder / "results/logs/images-report.csv").to_dict("records")
    assert (line["image"], line["problem"]) == (data.pa[0], "truncated")
    assert line["where"] == f"images: {data.images / data.pa[0]}"
    assert "get the file again" in line["what_to_do"]
    fresh.edit("tiny.yaml", "shards:", "tolerated: {truncated: 1}\nshards:")
    assert fresh.run("--", SHARD) == {"index": 1, "shard": 1}


def test_images_of_other_views_alone_are_said_before_any_shard(fresh, chestxray14_folder):
    data = chestxray14_folder()
    data.metadata.write_text(data.metadata.read_text().replace(",PA,", ",AP,"))
    fresh.takes(data)
    said = fresh.refuses("--", "results/situs/cohort-0.parquet")
    assert "No image has a view that a task uses (PA): the index has AP " in said
    assert not (fresh.folder / "results/images/shards").exists()


def small_table(folder, patients, positive=0, spelled=".png"):
    """Write a table of one image a patient, of whom the first are positive, and its images."""
    (folder / "images").mkdir(parents=True)
    with (folder / "labels.csv").open("w") as file:
        file.write("image,patient,label\n")
        for number in range(patients):
            file.write(f"{number}{spelled},A{number},{int(number < positive)}\n")
            pixels = np.random.default_rng(number).integers(0, 256, (32, 32), dtype=np.uint8)
            (folder / f"images/{number}.PNG").write_bytes(tiny.png(pixels))
    return SimpleNamespace(images=folder / "images", metadata=folder / "labels.csv")


FINDING = "finding=label"
OF_LABEL = "results/label/noise-0/seed-0/model.keras"


@pytest.mark.parametrize(
    ("patients", "positive", "sentence"),
    [
        (24, 2, "label is present in no image of val and test (2 patients in all)"),
        (2, 1, "leaves no image for val, test (the cohort has 2 images of 2 patients"),
    ],
)
def test_splits_that_cannot_be_judged_are_said_before_any_training(
    fresh, tmp_path, patients, positive, sentence
):
    fresh.takes(small_table(tmp_path / "data", patients, positive, ".PNG"), "table")
    said = fresh.refuses("--config", FINDING, "--", OF_LABEL)
    assert sentence in said
    assert "tasks.label" in said
    assert (fresh.folder / "results/logs/label/cohort-0.log").exists()
    assert not (fresh.folder / "results/label").exists()


def test_a_name_in_other_letters_is_said_with_the_file_that_is_meant(fresh, tmp_path):
    fresh.takes(small_table(tmp_path / "data", 3), "table")
    said = fresh.refuses("--", SHARD)
    assert "3 missing (0 tolerated), namely 0.png (there is 0.PNG)" in said
    report = pd.read_csv(fresh.folder / "results/logs/images-report.csv")
    missing = report[report["problem"] == "missing"]
    assert missing["where"].tolist()[0] == "metadata: line 2; there is 0.PNG"
    assert missing["what_to_do"].str.contains("or rename the file").all()


def test_a_full_disk_stops_a_job_with_a_sentence_and_the_next_call_goes_on(
    fresh, chestxray14_folder, full_disk
):
    fresh.takes(chestxray14_folder(patients=100))
    with full_disk(60_000):  # some 40 images of 48 x 48 pixels are 92,160 bytes
        said = fresh.refuses("--", SHARD)
    assert f"{SHARD} could not be written (File too large): free some space" in said
    assert not (fresh.folder / SHARD).exists()
    assert fresh.run("--", SHARD) == {"shard": 1}


def test_a_backbone_without_imagenet_weights_is_said_without_a_download(fresh):
    weights = "results/weights/small-imagenet.keras"
    said = fresh.refuses("--", weights)
    assert "there are no ImageNet weights for the backbone small" in said
    assert not (fresh.folder / weights).exists()


def test_weights_of_another_architecture_stop_the_training(finished):
    shutil.copy(finished.folder / MODEL, finished.folder / "donor.keras")
    finished.edit("tiny.yaml", "weights: none", "weights: donor.keras")
    finished.edit("tiny.yaml", "backbone: small", "backbone: resnet18")
    said = finished.refuses("--", MODEL)
    assert "donor.keras are of another architecture" in said


def test_a_damaged_shard_is_named_before_it_is_read(finished):
    shard = finished.folder / SHARD
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    run = MODEL.removesuffix("model.keras")
    outputs = [f"{run}predictions.parquet", f"{run}mcbn.h5"]
    said = finished.refuses("--keep-going", "-R", "predict", "mcbn", "--", *outputs)
    for rule in ("predict", "mcbn"):
        log = finished.read(f"results/logs/situs/noise-0/seed-0/{rule}.log").decode()
        assert "shards/000.h5 does not match" in log
    assert f"`rm {SHARD}` and `snakemake {SHARD}`" in said


def test_splits_larger_than_the_cohort_are_refused_and_lose_nothing(finished):
    before = finished.read("results/table1.csv")
    finished.edit("tiny.yaml", "train: 30", "train: 3000")
    said = finished.refuses()
    assert "tasks.situs.splits asks for 3030 patients" in said
    assert finished.read("results/table1.csv") == before


def test_labels_that_cannot_be_right_are_named_before_they_are_trained_on(finished):
    before = finished.read("results/table1.csv")
    wrong = {
        0: ("patient", "7", "labels.parquet has patient 7 in more than one split"),
        8: ("image", "other.png", "Image other.png is in no shard"),
    }
    for noise, (column, value, _) in wrong.items():
        run = finished.folder / f"results/situs/noise-{noise}/seed-0"
        labels = manifests.read(run / "labels.parquet", "labels")
        rows = slice(None) if column == "patient" else slice(0, 0)
        labels.loc[rows, column] = value
        manifests.write(labels, run / "labels.parquet", "labels", "{}")
        (run / "model.keras").unlink()
    models = [f"results/situs/noise-{noise}/seed-0/model.keras" for noise in wrong]
    said = finished.refuses("--keep-going", "--", *models)
    assert len(said.splitlines()) == 3
    for noise, (_, _, sentence) in wrong.items():
        assert sentence in finished.printed
        assert f"results/logs/situs/noise-{noise}/seed-0/train.log" in said
    assert finished.read("results/table1.csv") == before


def test_a_loss_that_is_no_number_stops_the_training(finished, monkeypatch):
    """The logger `steps` prints one line about it, and our sentence stands at the end as well."""
    monkeypatch.setenv("PYTHONPATH", "workflow/plugins")
    before = finished.read("results/table1.csv")
    setting = "training={learning_rate: 1.0e+30}"
    said = finished.refuses("--logger", "steps", "--config", setting, "--", MODEL)
    assert "the loss is not a number after step" in said
    step = "Training the network (situs, noise 0, seed 0)"
    log = "results/logs/situs/noise-0/seed-0/train.log"
    assert f"\nFailed: {step}. Its log is {log}\n" in finished.printed
    assert "INFO" not in finished.printed
    assert not (finished.folder / MODEL).exists()
    assert finished.read("results/table1.csv") == before
