"""What machines do to a run: locks, read-only disks, clocks that jump, files that appear late."""

import os
import signal
import subprocess
import time
from contextlib import contextmanager

import pytest

SCORES = "results/situs/noise-8/seed-0/scores/confidence.parquet"
SAMPLES = "results/situs/noise-8/seed-0/mcbn.h5"  # which take a while to draw
TABLE = "results/table1.csv"
SHARD = "results/images/shards/000.h5"
NEW_DATES = 'find results -newermt now -exec touch --date "@$(date +%s)" {} +'
TOMORROW = time.time() + 24 * 60 * 60

# In each job: what it has written is seen by others two seconds after its end, as on NFS.
LATE = """
import atexit, os, subprocess

replace, written = os.replace, []


def recorded(source, target):
    replace(source, target)
    written.append(os.path.abspath(target))


@atexit.register
def appear_late():
    for path in written:
        if "/results/" in path:
            os.rename(path, path + ".late")
            move = ["sh", "-c", 'sleep 2; mv "$0.late" "$0"', path]
            subprocess.Popen(move, start_new_session=True)


os.replace = recorded
"""


def test_a_second_snakemake_on_the_same_folder_is_refused_and_the_first_goes_on(finished):
    table = finished.read(TABLE)
    first = finished.start("--forcerun", SAMPLES, "--", TABLE)
    locks = finished.folder / ".snakemake" / "locks"
    while not any(lock.stat().st_size for lock in locks.glob("*.output.lock")):
        assert first.poll() is None
        time.sleep(0.02)
    first.send_signal(signal.SIGSTOP)  # so that it cannot end before the second has looked
    printed = finished.fails("--forcerun", "cohort", "--", TABLE)
    first.send_signal(signal.SIGCONT)
    assert "Directory cannot be locked" in printed
    assert first.wait(60) == 0
    assert finished.read(TABLE) == table
    assert finished.jobs() == {}


def test_a_read_only_results_folder_is_named_and_left_as_it_is(fresh, small_disk):
    with mounted_read_only(small_disk, fresh.folder / "results"):
        printed = fresh.fails("--", SHARD)
        assert list((fresh.folder / "results").iterdir()) == []
    assert "Read-only file system: 'results/" in printed
    assert "Traceback" not in printed


def test_a_clock_that_jumped_back_is_said_and_mended_by_new_dates(finished):
    table = finished.read(TABLE)
    files = list((finished.folder / "results").rglob("*"))
    for file in files:
        os.utime(file, (TOMORROW, TOMORROW))
    assert finished.jobs() == {}
    (finished.folder / TABLE).unlink()
    assert "clock skew" in finished.fails("--", TABLE)
    assert not (finished.folder / TABLE).exists()
    subprocess.run(NEW_DATES, shell=True, check=True, cwd=finished.folder)
    assert finished.run("--", TABLE) == {"write_table1": 1}
    assert finished.read(TABLE) == table
    assert finished.jobs() == {}


@pytest.mark.parametrize("patience", [0, 5])
def test_outputs_that_appear_late_are_waited_for(finished, tmp_path, monkeypatch, patience):
    table = finished.read(TABLE)
    for path in (SCORES, TABLE):
        (finished.folder / path).unlink()
    (tmp_path / "sitecustomize.py").write_text(LATE)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = finished.command("--latency-wait", str(patience), "--", TABLE)
    done = subprocess.run(
        command, cwd=finished.folder, env=environment, capture_output=True, text=True
    )
    if patience:
        assert done.returncode == 0, done.stderr[-3000:]
        assert finished.read(TABLE) == table
    else:
        assert done.returncode != 0
        assert "latency" in done.stderr
        time.sleep(2)  # for the file that is still to come


@contextmanager
def mounted_read_only(disk, folder):
    folder.mkdir()
    for options in ("bind", "remount,bind,ro"):
        subprocess.run(["mount", "-o", options, disk, folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
