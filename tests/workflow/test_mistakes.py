"""A user's mistake: one sentence that says what and where, a failing exit, and nothing lost."""

import shutil

import pytest

WEIGHTS = "results/situs/noise-0/seed-0/model.keras"


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
    tiny = fresh.folder / "tiny.yaml"
    text = tiny.read_text()
    before, rest = text.split("phantom:\n")
    tiny.write_text(before + rest[rest.index("shards:") :])
    (fresh.folder / "results/phantom").mkdir(parents=True)
    printed = fresh.refuses()
    assert "No images found in results/phantom" in printed
    assert "Traceback" not in printed


def test_weights_of_another_architecture_stop_the_training(finished):
    shutil.copy(finished.folder / WEIGHTS, finished.folder / "donor.keras")
    finished.edit("tiny.yaml", "weights: none", "weights: donor.keras")
    finished.edit("tiny.yaml", "backbone: small", "backbone: resnet18")
    printed = finished.refuses("--", WEIGHTS)
    assert "donor.keras are of another architecture" in printed
    assert "Traceback" not in printed


def test_a_damaged_shard_is_named_before_it_is_trained_on(finished):
    shard = finished.folder / "results/images/shards/000.h5"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    printed = finished.refuses("-R", WEIGHTS, "--", WEIGHTS)
    assert "shards/000.h5 does not match" in printed
    assert "snakemake results/images/shards/000.h5" in printed


def test_splits_larger_than_the_cohort_are_refused_and_lose_nothing(finished):
    before = finished.read("results/table1.csv")
    finished.edit("tiny.yaml", "train: 30", "train: 3000")
    printed = finished.refuses()
    assert "situs.splits asks for 3030 patients" in printed
    assert finished.read("results/table1.csv") == before
