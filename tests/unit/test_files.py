import errno
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from cxrnoise.core import files, manifests
from cxrnoise.core.errors import UserError
from cxrnoise.core.files import at_hand, replacing
from cxrnoise.datasets import chestxray14
from cxrnoise.report import figures, pages


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_said_in_one_sentence(tmp_path):
    path = tmp_path / "table.csv"
    with (
        pytest.raises(UserError, match=r"table.csv could not be written \(No space left"),
        replacing(path) as temporary,
    ):
        temporary.touch()
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


LIBRARY = str(Path(files.__file__).parents[2])
KILLED = """
import os, signal, sys
from cxrnoise.files import replacing
with replacing(sys.argv[1]) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    path = tmp_path / "table.csv"
    killed = subprocess.run([sys.executable, "-c", KILLED, path], env={"PYTHONPATH": LIBRARY})
    assert killed.returncode == -signal.SIGKILL
    [half] = tmp_path.iterdir()
    assert half.read_text() == "half"
    with replacing(path) as temporary:
        temporary.write_text("whole")
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_living_process_or_another_machine_writes_is_left_alone(tmp_path):
    here = tmp_path / f".table.{platform.node()}-{os.getpid()}.csv"
    elsewhere = tmp_path / ".table.node17-12345.csv"
    abandoned = tmp_path / ".table.node18-12345.csv"
    for file in (here, elsewhere, abandoned):
        file.write_text("half")
    two_days_ago = time.time() - 2 * 24 * 60 * 60
    os.utime(abandoned, (two_days_ago, two_days_ago))
    with pytest.raises(KeyError), replacing(tmp_path / "table.csv") as temporary:
        assert sorted(tmp_path.iterdir()) == sorted([here, elsewhere])
        assert temporary == here
        raise KeyError


TABLE = pd.DataFrame(
    {
        "image": [f"{number:08d}_000.png" for number in range(3000)],
        "split": "test",
        "p0": np.random.default_rng(0).random(3000),
        "p1": np.random.default_rng(1).random(3000),
    }
)


def figure():
    drawn = Figure()
    drawn.subplots().scatter(TABLE["p0"], TABLE["p1"])
    return drawn


WRITERS = {
    "bytes.bin": lambda path: _write(path, b"x" * 100_000),
    "table.csv": lambda path: pages.write_csv(TABLE[["p0", "p1"]], path),
    "report.csv": lambda path: chestxray14.write_report(TABLE.astype(str), path),
    "page.html": lambda path: pages.write_text("x" * 100_000, path),
    "manifest.parquet": lambda path: manifests.write(TABLE, path, "predictions", "{}"),
    "figure.svg": lambda path: figures.save(figure(), path, "{}"),
    "figure.png": lambda path: figures.save(figure(), path, "{}"),
}


def _write(path, content):
    with replacing(path) as temporary:
        temporary.write_bytes(content)


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
@pytest.mark.parametrize("name", WRITERS)
def test_every_format_on_a_full_disk_leaves_the_old_file_and_a_sentence(
    tmp_path, full_disk, name, share
):
    path = tmp_path / name
    WRITERS[name](path)
    size = int(share * path.stat().st_size)
    path.write_text("old")
    with full_disk(size), pytest.raises(UserError, match=f"{name} could not be written"):
        WRITERS[name](path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_said_in_one_sentence():
    with (
        pytest.raises(UserError, match="/proc/results/table.csv could not be written"),
        replacing("/proc/results/table.csv"),
    ):
        pass


def test_an_error_of_another_file_is_not_taken_for_a_full_disk(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "table.csv"):
        (tmp_path / "input.csv").read_bytes()


def test_a_set_of_files_is_at_hand_as_a_whole_and_without_any_all_are_named(tmp_path):
    one = {"table1": str(tmp_path / "1"), "cohort": str(tmp_path / "2")}
    two = {"table2": str(tmp_path / "3")}
    assert at_hand([one, two]) == one | two
    (tmp_path / "1").touch()
    assert at_hand([one, two]) == one | two
    (tmp_path / "3").touch()
    assert at_hand([one, two]) == two
    (tmp_path / "2").touch()
    assert at_hand([one, two]) == one | two
