"""Further samples of the network of a run, each from a target of its own."""

import h5py
import pandas as pd
import pyarrow.parquet as pq

RUN = "results/situs/noise-8/seed-0"


def test_every_training_leaves_its_dynamics(finished):
    labels = pd.read_parquet(finished.folder / RUN / "labels.parquet")
    dynamics = pd.read_parquet(finished.folder / RUN / "dynamics.parquet")
    trained = labels[labels["split"] == "train"]
    assert dynamics["image"].tolist() == trained["image"].tolist()
    assert (dynamics["epochs"] == 4).all()  # 4 epochs of 30 images in batches of 4
    schema = pq.read_schema(finished.folder / RUN / "dynamics.parquet")
    assert b"provenance" in schema.metadata


def test_views_and_sweeps_are_drawn_without_another_training(finished):
    options = ["uncertainty={augmentations: 2}", "sweeps={samples: 8, batch_sizes: [2, 4]}"]
    made = [f"{RUN}/augmented.h5", "results/sweeps.csv"]
    jobs = finished.run("--config", *options, "--", *made)
    assert jobs == {"augmented": 1, "mcbn_of_batch": 2, "sweep": 1}
    with (
        h5py.File(finished.folder / made[0]) as views,
        h5py.File(finished.folder / RUN / "mcbn.h5") as samples,
    ):
        assert views["probabilities"].shape == (2, 20, 2)
        assert list(views["image"]) == list(samples["image"])
        assert views.attrs["classes"] == samples.attrs["classes"]
    table = pd.read_csv(finished.folder / made[1])
    assert table["batch"].unique().tolist() == [2, 4]
    assert set(table["measure"]) == {"split_half", "auroc", "accuracy", "accuracy_network"}
    assert (finished.folder / "results/figures/sweeps.svg").stat().st_size > 1000


def test_dropout_samples_need_a_network_with_dropout(finished):
    printed = finished.refuses("--", f"{RUN}/dropout.h5")
    assert "The network small has no dropout" in printed


def test_a_network_with_dropout_is_sampled(finished):
    options = ["network={backbone: small-dropout}", "results=dropping"]
    run = RUN.replace("results", "dropping")
    finished.run("--config", *options, "--", f"{run}/dropout.h5", f"{run}/mcbn.h5")
    with h5py.File(finished.folder / run / "dropout.h5") as file:
        assert file["probabilities"].shape == (3, 20, 2)
