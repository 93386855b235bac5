"""Shards: the same bytes from every layout, and their pixels in any order."""

import hashlib
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

import whole
from cxrnoise.core import manifests
from cxrnoise.core.errors import UserError
from cxrnoise.datasets import folders
from cxrnoise.images import packing, radiographs, shards

SIZE = 16
NUMBER = 3
SHAPE = {"size": SIZE, "resampling": "lanczos", "provenance": "{}"}


def build(data, folder):
    """Do what the rules do: index, archives and shards of a data set; return the shards."""
    table, _ = whole.index(data.metadata, data.images, NUMBER)
    manifests.write(table, folder / "index.parquet", "index", "{}")
    archives = {}
    for source, path in folders.sources(data.images).items():
        archives[source] = folder / f"{source}.h5"
        with packing.writing(archives[source], **SHAPE, images=None) as writer:
            folders.listing(source, path, data.images, writer.add)
    for number in range(NUMBER):
        wanted = packing.rows(folder / "index.parquet", number)
        path = folder / "shards" / f"{number:03d}.h5"
        with packing.writing(path, **SHAPE, images=len(wanted)) as writer:
            if any(map(folders.is_archive, folders.sources(data.images).values())):
                packing.pack_archives(wanted, archives, writer)
            else:
                packing.pack_files(wanted, writer)
    return sorted((folder / "shards").iterdir())


@pytest.fixture
def built(chestxray14_folder, tmp_path):
    data = chestxray14_folder(patients=12)
    return data, build(data, tmp_path / "results")


def write(path, pixels, first=0):
    with packing.writing(path, pixels.shape[1], "box", "{}", images=len(pixels)) as writer:
        for row, image in enumerate(pixels):
            writer.append(f"{first + row}.png", b"0" * 64, image)
    return path


# Writing


def test_a_shard_is_an_ordinary_hdf5_file_with_its_pixels_in_one_piece(built):
    data, paths = built
    found = []
    for number, path in enumerate(paths):
        with h5py.File(path) as shard:
            images = shard["image"][:].astype(str).tolist()
            assert shard["pixels"].shape == (len(images), SIZE, SIZE)
            assert shard["pixels"].dtype == np.uint8 and shard["pixels"].chunks is None
            assert shard.attrs["provenance"] == "{}"
        assert images == sorted(images)
        assert {shards.number_of(image, NUMBER) for image in images} == {number}
        found += images
    assert sorted(found) == sorted(data.pa)


def test_each_row_knows_its_image_its_file_and_its_pixels(built):
    data, paths = built
    for path in paths:
        with h5py.File(path) as shard:
            for row, image in enumerate(shard["image"][:].astype(str)):
                png = data.pngs[image]
                assert shard["sha256"][row].decode() == hashlib.sha256(png).hexdigest()
                expected = radiographs.resize(radiographs.decode(png), SIZE, "lanczos")
                np.testing.assert_array_equal(shard["pixels"][row], expected)
                digest = hashlib.sha256(expected.tobytes()).hexdigest()
                assert shard["digest"][row].decode() == digest


def test_the_shard_of_an_image_is_the_same_on_every_machine():
    assert [shards.number_of(f"{n:08d}_000.png", 64) for n in range(1, 6)] == [16, 4, 52, 36, 54]
    numbers = [shards.number_of(f"{n:08d}_000.png", 8) for n in range(8000)]
    assert min(np.bincount(numbers)) > 850


def test_all_layouts_give_the_same_bytes(chestxray14_folder, tmp_path):
    made = {}
    for layout in ["folder", "kaggle", "archives"]:
        data = chestxray14_folder(layout=layout, name=layout)
        paths = build(data, tmp_path / "results" / layout)
        made[layout] = [path.read_bytes() for path in paths]
    assert made["folder"] == made["kaggle"] == made["archives"]


def test_shards_made_at_the_same_time_have_the_bytes_of_shards_made_one_by_one(tmp_path, built):
    _, paths = built
    index = paths[0].parents[1] / "index.parquet"

    def make(number):
        wanted = packing.rows(index, number)
        path = tmp_path / f"{number:03d}.h5"
        with packing.writing(path, **SHAPE, images=len(wanted)) as writer:
            packing.pack_files(wanted, writer)

    with ThreadPoolExecutor() as pool:
        list(pool.map(make, range(len(paths))))
    for path in paths:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_a_shard_may_be_empty(tmp_path):
    empty = write(tmp_path / "000.h5", np.empty((0, SIZE, SIZE), np.uint8))
    with h5py.File(empty) as shard:
        assert [len(shard[name]) for name in ("pixels", "image", "sha256", "digest")] == [0] * 4
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE), dtype=np.uint8)
    reader = shards.Reader([empty, write(tmp_path / "001.h5", pixels), empty])
    assert reader.size == SIZE
    found = reader.locate(["2.png", "0.png"])
    np.testing.assert_array_equal(found, [[1, 1], [2, 0]])
    np.testing.assert_array_equal(reader.batch(*found), pixels[[2, 0]])


@pytest.mark.parametrize("content", [None, b"\xff\xd8\xff no JPEG", "a link to itself"])
def test_an_image_that_went_bad_after_the_index_is_named_and_leaves_no_shard(
    built, tmp_path, content
):
    data, paths = built
    wanted = packing.rows(paths[0].parents[1] / "index.parquet", 0)
    path = Path(wanted["path"][1])
    path.unlink()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        path.symlink_to(path)
    with (
        pytest.raises(UserError, match=f"{path.name} cannot be used"),
        packing.writing(tmp_path / "new" / "000.h5", **SHAPE, images=len(wanted)) as writer,
    ):
        packing.pack_files(wanted, writer)
    assert not list((tmp_path / "new").iterdir())


FULL_DISK = """
import resource, sys
import numpy as np
from cxrnoise.images import packing
from cxrnoise.core.errors import UserError

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    images = int(sys.argv[2])
    with packing.writing(sys.argv[1], 240, "box", "{}", images) as writer:
        for row in range(images):
            writer.append(f"{row}.png", b"0" * 64, np.zeros((240, 240), np.uint8))
except UserError as error:
    print(error, flush=True)
"""


@pytest.mark.parametrize("images", [2, 50])
def test_a_full_disk_leaves_a_sentence_and_no_shard(tmp_path, images):
    path = tmp_path / "shards" / "000.h5"
    library = Path(shards.__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, path, str(images)],
        env={"PYTHONPATH": str(library)},
        capture_output=True,
        text=True,
    )
    assert f"{path} could not be written (File too large)" in run.stdout, run.stderr
    assert not list(path.parent.iterdir())


# Rows of the index


@pytest.mark.parametrize("content", [b"", b"PAR1" * 9])
def test_a_damaged_index_is_named(tmp_path, content):
    (tmp_path / "index.parquet").write_bytes(content)
    with pytest.raises(UserError, match=r"index\.parquet is not a Parquet file, or a damaged one"):
        packing.rows(tmp_path / "index.parquet", 0)


# Digests


def test_sha256sum_accepts_the_digest_file(built):
    _, paths = built
    digest = paths[0].with_suffix(".sha256")
    packing.write_digest(paths[0], digest)
    checked = subprocess.run(
        ["sha256sum", "--check", digest.name], cwd=digest.parent, capture_output=True, text=True
    )
    assert checked.stdout == "000.h5: OK\n"


def test_a_corrupt_shard_is_named_with_the_command_that_makes_it_again(built):
    _, paths = built
    digests = [path.with_suffix(".sha256") for path in paths]
    for path, digest in zip(paths, digests, strict=True):
        packing.write_digest(path, digest)
    shards.verify(paths, digests)
    content = bytearray(paths[1].read_bytes())
    content[-1] ^= 1
    paths[1].write_bytes(content)
    with pytest.raises(UserError, match=f"rm {paths[1]}` and `snakemake {paths[1]}"):
        shards.verify(paths, digests)
    for damage in (b"", b"\xff\xfe"):
        digests[0].write_bytes(damage)
        with pytest.raises(UserError, match=f"{paths[0]} does not match {digests[0]}"):
            shards.verify(paths, digests)


# Reading


@pytest.fixture
def numbered(tmp_path):
    """Two shards of 50 images, 0.png to 99.png, whose rows are told apart by their pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 50, SIZE, SIZE), dtype=np.uint8)
    paths = [write(tmp_path / f"{n:03d}.h5", pixels[n], first=50 * n) for n in range(2)]
    return pixels, paths


def test_images_are_found_by_name_and_read_in_any_order(numbered):
    pixels, paths = numbered
    reader = shards.Reader(paths)
    chosen = np.random.default_rng(1).integers(0, 100, 200)
    found, rows = reader.locate(f"{number}.png" for number in chosen)
    np.testing.assert_array_equal(found, chosen // 50)
    np.testing.assert_array_equal(rows, chosen % 50)
    np.testing.assert_array_equal(reader.batch(found, rows), pixels[found, rows])


def test_a_batch_is_read_into_the_array_that_is_given_and_may_be_changed(numbered):
    pixels, paths = numbered
    out = np.zeros((2, SIZE, SIZE), np.uint8)
    reader = shards.Reader(paths)
    assert reader.batch([0, 1], [3, 4], out) is out
    np.testing.assert_array_equal(out, pixels[[0, 1], [3, 4]])
    out[:] = 0
    np.testing.assert_array_equal(reader.batch([0], [3]), pixels[[0], [3]])


def test_threads_read_at_the_same_time(numbered):
    pixels, paths = numbered
    reader = shards.Reader(paths)
    rows = np.arange(50)

    def read(turn):
        numbers = (rows + turn) % 2
        return np.array_equal(reader.batch(numbers, rows), pixels[numbers, rows])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(100)))


def test_an_image_that_is_in_no_shard_is_named(numbered):
    reader = shards.Reader(numbered[1])
    with pytest.raises(UserError, match=r"Image 100\.png is in no shard: the shards beside .*000"):
        reader.locate(["3.png", "100.png"])


def test_the_digest_of_each_image_is_that_of_its_pixels(numbered):
    pixels, paths = numbered
    found = shards.Reader(paths).digests(["99.png", "0.png"])
    expected = [hashlib.sha256(pixels[at].tobytes()).hexdigest() for at in [(1, 49), (0, 0)]]
    assert found.tolist() == expected


def test_names_that_are_not_ascii_are_found_again(tmp_path):
    path = tmp_path / "000.h5"
    with packing.writing(path, 2, "box", "{}", images=1) as writer:
        writer.append("Müller 1.dcm", b"0" * 64, np.zeros((2, 2), np.uint8))
    shard, row = shards.Reader([path]).locate(["Müller 1.dcm"])
    assert (shard.tolist(), row.tolist()) == ([0], [0])


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_truncated_shard_is_named(numbered, share):
    path = numbered[1][1]
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match="001.h5"):
        shards.Reader(numbered[1])


def test_another_hdf5_file_is_not_taken_for_a_shard(tmp_path):
    with h5py.File(tmp_path / "000.h5", "w") as file:
        file["weights"] = 1
    with pytest.raises(UserError, match="000.h5"):
        shards.Reader([tmp_path / "000.h5"])


def test_a_repacked_shard_is_refused(numbered, tmp_path):
    with h5py.File(numbered[1][0]) as shard, h5py.File(tmp_path / "002.h5", "w") as packed:
        packed.create_dataset("pixels", data=shard["pixels"], chunks=(1, SIZE, SIZE), compression=1)
        packed["image"] = shard["image"][:]
    with pytest.raises(UserError, match="002.h5 has another layout"):
        shards.Reader([tmp_path / "002.h5"])


def test_a_shard_is_read_where_it_was_moved_to(numbered, tmp_path):
    pixels, paths = numbered
    (tmp_path / "elsewhere").mkdir()
    moved = shutil.copy(paths[0], tmp_path / "elsewhere")
    np.testing.assert_array_equal(shards.Reader([moved]).batch([0], [7]), pixels[[0], [7]])
