import resource
import subprocess
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

import runs
import tiny
from cxrnoise.core import manifests
from cxrnoise.images import packing

settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def nih():
    """The folder of real radiographs beside the project."""
    folder = Path(__file__).parents[2] / "shared" / "nih"
    if not folder.is_dir():
        pytest.skip(f"needs the real radiographs in {folder}")
    return folder


@pytest.fixture(scope="session")
def cifar10n():
    """The folder of predictions by others on real label noise beside the project."""
    folder = Path(__file__).parents[2] / "shared" / "cifar10n"
    if not folder.is_dir():
        pytest.skip(f"needs the predictions in {folder}")
    return folder


@pytest.fixture
def full_disk():
    """`with full_disk(size):` no file grows beyond this number of bytes."""

    @contextmanager
    def limited(size):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB, mounted for the test."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
    mounted = subprocess.run(mount, capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def chestxray14_folder(tmp_path):
    """Make a tiny data set: `make(layout=..., name=...)`, see `tiny.chestxray14`."""

    def make(name="data", **options):
        return tiny.chestxray14(tmp_path / name, **options)

    return make


def _shard(folder):
    """Write a shard of 24 images of 16×16 pixels; return their names, its path, the pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 16, 16), dtype=np.uint8)
    images = [f"{number:08d}_000.png" for number in range(24)]
    with packing.writing(folder / "000.h5", 16, "lanczos", "{}", images=24) as writer:
        for image, content in zip(images, pixels, strict=True):
            writer.append(image, b"0" * 64, content)
    return np.array(images, object), folder / "000.h5", pixels


@pytest.fixture
def labelled_shard(tmp_path):
    """A shard of 24 images of 16×16 pixels: labels, their file, the shards' paths, the pixels."""
    images, shard, pixels = _shard(tmp_path)
    mirrored = np.arange(24) % 2
    labels = runs.labels(images, "situs", mirrored, mirrored, "train")
    labels["mirrored"] = mirrored == 1
    classes = ["unmirrored", "mirrored"]
    manifests.write(labels, tmp_path / "labels.parquet", "labels", "{}", classes)
    return labels, tmp_path / "labels.parquet", [shard], pixels


@pytest.fixture
def findings_shard(tmp_path):
    """The same images with three findings: targets (24, 3), labels' file, shards' paths, pixels.

    Some labels are not known.
    """
    images, shard, pixels = _shard(tmp_path)
    target = np.random.default_rng(1).integers(-1, 2, (24, 3)).astype(np.int32)
    names = ["Effusion", "Mass", "Nodule"]
    every = np.repeat(images, 3)
    labels = runs.labels(every, np.tile(names, 24), target.ravel(), target.ravel(), "train")
    manifests.write(labels, tmp_path / "labels.parquet", "labels", "{}", ["absent", "present"])
    return target, tmp_path / "labels.parquet", [shard], pixels
