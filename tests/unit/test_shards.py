import hashlib
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrnoise.core import manifests
from cxrnoise.core.errors import UserError
from cxrnoise.datasets import chestxray14
from cxrnoise.images import radiographs, shards

SIZE = 16
PER_SHARD = 4
SHAPE = {"size": SIZE, "resampling": "lanczos", "provenance": "{}"}


def build(data, folder):
    """Do what the rules do: index, archives and shards of a data set; return the shards."""
    pa = chestxray14.pa_images(chestxray14.metadata(data.metadata))
    listings, archives = [], {}
    for source, path in chestxray14.sources(data.images).items():
        archives[source] = folder / f"{source}.h5"
        with shards.writing(archives[source], **SHAPE) as writer:

            def keep(image, png, writer=writer):
                if image in pa:
                    writer.add(image, png)

            listings += chestxray14.listing(source, path, keep)
    table, _ = chestxray14.index(chestxray14.metadata(data.metadata), listings, PER_SHARD)
    manifests.write(table, folder / "index.parquet", "index", "{}")
    for number in range(-(-len(pa) // PER_SHARD)):
        wanted = shards.rows(folder / "index.parquet", number)
        with shards.writing(folder / "shards" / f"{number:03d}.h5", **SHAPE) as writer:
            if any(map(chestxray14.is_archive, chestxray14.sources(data.images).values())):
                shards.pack_archives(wanted, archives, writer)
            else:
                shards.pack_files(wanted, writer)
    return sorted((folder / "shards").iterdir())


@pytest.fixture
def built(chestxray14_folder, tmp_path):
    data = chestxray14_folder()
    return data, build(data, tmp_path / "results")


def write(path, pixels):
    with shards.writing(path, pixels.shape[1], "box", "{}") as writer:
        for row, image in enumerate(pixels):
            writer.append(f"{row}.png", b"0" * 64, image)
    return path


# Writing


def test_a_shard_is_an_ordinary_hdf5_file_with_a_chunk_an_image(built):
    data, paths = built
    with h5py.File(paths[0]) as shard:
        assert shard["pixels"].shape == (PER_SHARD, SIZE, SIZE)
        assert shard["pixels"].dtype == np.uint8
        assert shard["pixels"].chunks == (1, SIZE, SIZE)
        assert shard["image"][:].astype(str).tolist() == sorted(data.pa)[:PER_SHARD]
        assert shard.attrs["provenance"] == "{}"


def test_each_row_knows_its_image_and_the_sha256_of_its_file(built):
    data, paths = built
    for path in paths:
        with h5py.File(path) as shard:
            for row, image in enumerate(shard["image"][:].astype(str)):
                png = data.pngs[image]
                assert shard["sha256"][row].decode() == hashlib.sha256(png).hexdigest()
                expected = radiographs.resize(radiographs.decode(png), SIZE, "lanczos")
                np.testing.assert_array_equal(shard["pixels"][row], expected)


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
        with shards.writing(tmp_path / f"{number:03d}.h5", **SHAPE) as writer:
            shards.pack_files(shards.rows(index, number), writer)

    with ThreadPoolExecutor() as pool:
        list(pool.map(make, range(len(paths))))
    for path in paths:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_a_shard_whose_images_are_all_left_out_is_empty(tmp_path):
    path = write(tmp_path / "000.h5", np.empty((0, SIZE, SIZE), np.uint8))
    with h5py.File(path) as shard:
        assert [len(shard[name]) for name in ("pixels", "image", "sha256")] == [0, 0, 0]
    assert shards.Reader([path]).size == SIZE


@pytest.mark.parametrize("content", [None, b"\xff\xd8\xff no JPEG", "a link to itself"])
def test_an_image_that_went_bad_after_the_index_is_named_and_leaves_no_shard(
    built, tmp_path, content
):
    data, paths = built
    path = data.images / sorted(data.pa)[1]
    path.unlink()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        path.symlink_to(path)
    wanted = shards.rows(paths[0].parents[1] / "index.parquet", 0)
    with (
        pytest.raises(UserError, match=f"{path.name} cannot be used"),
        shards.writing(tmp_path / "new" / "000.h5", **SHAPE) as writer,
    ):
        shards.pack_files(wanted, writer)
    assert not list((tmp_path / "new").iterdir())


FULL_DISK = """
import resource, sys
import numpy as np
from cxrnoise.images import shards
from cxrnoise.errors import UserError

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with shards.writing(sys.argv[1], 240, "box", "{}") as writer:
        for row in range(int(sys.argv[2])):
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


@given(st.lists(st.booleans(), max_size=25), st.integers(1, 9), st.integers(1, 9))
def test_a_shard_reads_no_more_of_the_index_than_where_its_rows_are(
    tmp_path_factory, pa, per_shard, frame
):
    numbers = np.cumsum(pa, dtype=int) - 1
    table = pd.DataFrame(
        dict.fromkeys(("patient", "view", "findings", "source", "path"), ""),
        index=range(len(pa)),
    )
    table["image"] = [f"{number:03d}.png" for number in range(len(pa))]
    table[["bytes", "width", "height"]] = 1
    table["shard"] = np.where(pa, numbers // per_shard, -1)
    table["row"] = np.where(pa, numbers % per_shard, -1)
    path = tmp_path_factory.mktemp("index") / "index.parquet"
    frames = [table[first : first + frame] for first in range(0, len(table), frame)]
    manifests.write(frames, path, "index", "{}")
    for number in range(sum(pa) // per_shard + 2):
        wanted = table[table["shard"] == number]
        assert list(shards.rows(path, number)["image"]) == list(wanted["image"])
        read = shards._groups(pq.read_metadata(path), number)
        assert set(read) >= set(wanted.index // frame)
        assert len(read) <= len(set(wanted.index // frame)) + 1


@pytest.mark.parametrize("content", [b"", b"PAR1" * 9])
def test_a_damaged_index_is_named(tmp_path, content):
    (tmp_path / "index.parquet").write_bytes(content)
    with pytest.raises(UserError, match=r"index\.parquet is not a Parquet file, or a damaged one"):
        shards.rows(tmp_path / "index.parquet", 0)


# Digests


def test_sha256sum_accepts_the_digest_file(built):
    _, paths = built
    digest = paths[0].with_suffix(".sha256")
    shards.write_digest(paths[0], digest)
    checked = subprocess.run(
        ["sha256sum", "--check", digest.name], cwd=digest.parent, capture_output=True, text=True
    )
    assert checked.stdout == "000.h5: OK\n"


def test_a_corrupt_shard_is_named_with_the_command_that_makes_it_again(built):
    _, paths = built
    digests = [path.with_suffix(".sha256") for path in paths]
    for path, digest in zip(paths, digests, strict=True):
        shards.write_digest(path, digest)
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
    """Two shards whose rows are told apart by their pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 50, SIZE, SIZE), dtype=np.uint8)
    paths = [write(tmp_path / f"{number:03d}.h5", pixels[number]) for number in range(2)]
    return pixels, paths


def test_rows_are_read_in_any_order_and_as_often_as_asked(numbered):
    pixels, paths = numbered
    reader = shards.Reader(reversed(paths))
    rng = np.random.default_rng(1)
    numbers, rows = rng.integers(0, 2, 200), rng.integers(0, 50, 200)
    np.testing.assert_array_equal(reader.batch(numbers, rows), pixels[numbers, rows])
    np.testing.assert_array_equal(reader.read(1, 49), pixels[1, 49])


def test_a_batch_is_read_into_the_array_that_is_given(numbered):
    pixels, paths = numbered
    out = np.zeros((2, SIZE, SIZE), np.uint8)
    assert shards.Reader(paths).batch([0, 1], [3, 4], out) is out
    np.testing.assert_array_equal(out, pixels[[0, 1], [3, 4]])


def test_threads_read_at_the_same_time_though_few_files_stay_open(numbered, monkeypatch):
    pixels, paths = numbered
    monkeypatch.setattr(shards, "OPEN_FILES", 1)
    reader = shards.Reader(paths)
    rows = np.arange(50)

    def read(turn):
        numbers = (rows + turn) % 2
        return np.array_equal(reader.batch(numbers, rows), pixels[numbers, rows])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(100)))


@pytest.mark.parametrize(("shard", "row"), [(0, 50), (0, -1), (2, 0), (-1, -1)])
def test_a_row_that_does_not_exist_is_refused(numbered, shard, row):
    with pytest.raises(UserError, match=f"no row {row} in shard {shard}"):
        shards.Reader(numbered[1]).batch([shard], [row])


@pytest.mark.parametrize(
    ("shard", "row", "image"), [(0, 0, "1.png"), (0, 50, "50.png"), (7, 0, "0.png")]
)
def test_a_manifest_of_other_shards_is_refused(numbered, shard, row, image):
    reader = shards.Reader(numbered[1])
    right = pd.DataFrame({"image": ["0.png", "49.png"], "shard": [0, 1], "row": [0, 49]})
    reader.check(right, "labels.parquet")
    wrong = pd.DataFrame({"image": ["3.png", image], "shard": [0, shard], "row": [3, row]})
    with pytest.raises(UserError, match=f"labels.parquet does not match.*{image}"):
        reader.check(wrong, "labels.parquet")


def test_names_that_are_not_ascii_are_found_again(tmp_path):
    with shards.writing(tmp_path / "000.h5", 2, "box", "{}") as writer:
        writer.append("Müller 1.dcm", b"0" * 64, np.zeros((2, 2), np.uint8))
    manifest = pd.DataFrame({"image": ["Müller 1.dcm"], "shard": [0], "row": [0]})
    shards.Reader([tmp_path / "000.h5"]).check(manifest, "labels.parquet")


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_truncated_shard_is_named(numbered, share):
    path = numbered[1][1]
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match="001.h5"):
        shards.Reader(numbered[1])


def test_a_shard_that_shrinks_while_it_is_read_is_named(numbered):
    reader = shards.Reader(numbered[1])
    numbered[1][0].write_bytes(b"")
    with pytest.raises(UserError, match="000.h5 is truncated"):
        reader.read(0, 0)


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
    np.testing.assert_array_equal(shards.Reader([moved]).read(0, 7), pixels[0, 7])
