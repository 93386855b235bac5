import errno
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from cxrnoise.core import files, manifests
from cxrnoise.core.errors import UserError
from cxrnoise.core.files import locked, replacing
from cxrnoise.datasets import index
from cxrnoise.report import pages, saving


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
from cxrnoise.core.files import replacing
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


@pytest.mark.parametrize("first_to_end", ["one", "two"])
def test_of_two_jobs_that_write_the_same_file_one_fails(tmp_path, first_to_end):
    path = tmp_path / "table.csv"
    blocks, files = {}, {}
    for name in ("one", "two"):
        blocks[name] = replacing(path)
        files[name] = blocks[name].__enter__().open("w")
        files[name].write(f"{name}, the first half, ")
        files[name].flush()
    for name in (first_to_end, "two" if first_to_end == "one" else "one"):
        files[name].write(f"{name}, the second half")
        files[name].close()
        if name == first_to_end:
            blocks[name].__exit__(None, None, None)
        else:
            with pytest.raises(UserError, match="No such file"):
                blocks[name].__exit__(None, None, None)
    assert path.read_text() == "two, the first half, two, the second half"


def test_a_folder_with_many_files_does_not_slow_down_the_next_file(tmp_path, monkeypatch):
    def listed(self):
        raise AssertionError(f"{self} was listed")

    monkeypatch.setattr(Path, "iterdir", listed)
    with replacing(tmp_path / "table.csv") as temporary:
        temporary.touch()


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
    "report.csv": lambda path: index.write_report(TABLE.astype(str), path),
    "page.html": lambda path: pages.write_text("x" * 100_000, path),
    "manifest.parquet": lambda path: manifests.write(TABLE, path, "predictions", "{}"),
    "figure.svg": lambda path: saving.save(figure(), path, "{}"),
    "figure.png": lambda path: saving.save(figure(), path, "{}"),
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


def busy(file):
    raise BlockingIOError


def test_a_locked_file_is_held_until_its_block_ends(tmp_path):
    path = tmp_path / "new" / "folder" / "lock"
    with locked(path, busy) as file:
        file.write(b"mine")
        file.flush()
        with pytest.raises(BlockingIOError), locked(path, busy):
            pass
    with locked(path, busy) as file:
        assert file.tell() == 4


def test_a_process_that_waited_for_a_file_that_was_renamed_gets_a_new_one(tmp_path):
    path, waits, got = tmp_path / "part", threading.Event(), []

    def second():
        with locked(path, lambda file: waits.set()) as file:
            got.append(file.tell())

    with locked(path, busy) as file:
        thread = threading.Thread(target=second)
        thread.start()
        assert waits.wait(10)
        file.write(b"whole")
        file.flush()
        path.rename(tmp_path / "whole")
    thread.join(10)
    assert got == [0]
    assert (tmp_path / "whole").read_bytes() == b"whole"
