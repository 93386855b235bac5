"""Files of samples."""

import json

import h5py
import numpy as np

from cxrnoise.core import samples

CLASSES = ["unmirrored", "mirrored"]


def write(path, names, probabilities):
    splits = np.array(["test"] * len(names), object)
    samples.write(path, probabilities, np.array(names, object), splits, CLASSES, "{}")


def test_samples_are_stored_with_the_names_of_their_images(tmp_path):
    write(tmp_path / "mcbn.h5", ["a.png", "ä.png"], np.zeros((3, 2, 2), np.float32))
    with h5py.File(tmp_path / "mcbn.h5") as file:
        assert file["probabilities"].shape == (3, 2, 2)
        assert list(file["image"]) == [b"a.png", "ä.png".encode()]
        assert json.loads(file.attrs["classes"]) == CLASSES
        assert file.attrs["provenance"] == "{}"


def test_joined_samples_are_those_of_all_parts(tmp_path):
    drawn = np.random.default_rng(0).random((3, 5, 2)).astype(np.float32)
    write(tmp_path / "0.h5", ["a.png", "ä.png"], drawn[:, :2])
    write(tmp_path / "1.h5", ["c.png", "longer.png", "e.png"], drawn[:, 2:])
    samples.join(tmp_path / "all.h5", [tmp_path / "0.h5", tmp_path / "1.h5"], "{}")
    with h5py.File(tmp_path / "all.h5") as file:
        np.testing.assert_array_equal(file["probabilities"], drawn)
        names = file["image"].asstr("utf-8")[:].tolist()
        assert names == ["a.png", "ä.png", "c.png", "longer.png", "e.png"]
        assert json.loads(file.attrs["classes"]) == CLASSES
