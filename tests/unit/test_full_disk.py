"""A disk that is really full: the old file stays, one sentence says it, space lets it go on."""

import shutil

import keras
import numpy as np
import pandas as pd
import pytest

from cxrnoise.core.errors import UserError
from cxrnoise.images import packing
from cxrnoise.networks.checkpoints import Progress, State
from cxrnoise.report import pages


def write_shard(folder, number):
    pixels = np.random.default_rng(number).integers(0, 256, (8, 240, 240), dtype=np.uint8)
    with packing.writing(folder / "000.h5", 240, "lanczos", "{}", images=8) as writer:
        for row, content in enumerate(pixels):
            writer.append(f"{row:08d}_000.png", b"0" * 64, content)


def write_checkpoint(folder, number):
    layers = [keras.Input((200,)), keras.layers.Dense(600)]
    Progress(folder, "one").save(keras.Sequential(layers), State(number))


def write_table(folder, number):
    table = pd.DataFrame({"noise_percent": np.arange(80_000) + number})
    pages.write_csv(table, folder / "table1.csv")


@pytest.mark.parametrize("write", [write_shard, write_checkpoint, write_table])
def test_a_full_disk_keeps_the_old_file_and_says_so_in_one_sentence(small_disk, write):
    folder = small_disk / "results"
    write(folder, 1)
    before = content(folder)
    filler = small_disk / "filler"
    filler.write_bytes(b"0" * (shutil.disk_usage(small_disk).free - 100_000))
    with pytest.raises(UserError, match=r"could not be written \(No space left on device\): free"):
        write(folder, 2)
    assert content(folder) == before
    filler.unlink()
    write(folder, 2)
    assert content(folder).keys() == before.keys()
    assert content(folder) != before


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
