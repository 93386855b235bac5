"""Kill jobs and Snakemake at random moments, and run the same command again.

`make test-kills KILLS=50` does so fifty times.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from itertools import cycle

import pandas as pd
import psutil

KILLS = int(os.environ.get("KILLS", "2"))
SEED = int(os.environ.get("SEED", "0"))
KILLS_A_RUN = 5
LONGEST_WAIT = 12  # seconds; some steps of the tiny workflow
LEVEL = "results/situs/noise-8/seed-0"
TABLES = ("table1.csv", "table1.md", "table1.html", "figures/situs.svg")

# What each run has to make again: one level; all levels; everything but the phantoms' PNGs.
REMOVED = cycle([[LEVEL], ["results/situs"], ["results/situs", "results/images"]])


def test_kills_at_random_moments_leave_the_tables_as_they_were(finished):
    tables = {name: finished.read(f"results/{name}") for name in TABLES}
    verdicts = pd.read_parquet(finished.folder / LEVEL / "verdicts.parquet")
    chance = random.Random(SEED)
    killed = []
    while len(killed) < KILLS:
        for path in next(REMOVED):
            shutil.rmtree(finished.folder / path)
        for name in TABLES:
            (finished.folder / "results" / name).unlink()
        killed += disturbed(finished, chance, min(KILLS_A_RUN, KILLS - len(killed)))
        told = f"SEED={SEED}, killed: {killed}"
        for name, content in tables.items():
            assert finished.read(f"results/{name}") == content, f"{name}, {told}"
        again = pd.read_parquet(finished.folder / LEVEL / "verdicts.parquet")
        pd.testing.assert_frame_equal(again, verdicts)
        assert leftovers(finished.folder) == [], told
        assert processes_in(finished.folder) == [], told
        assert finished.jobs() == {}, told
    print("\n".join(killed))


def disturbed(project, chance, kills):
    """Run the workflow to its end, with at most `kills` kills; return what was killed, and when."""
    killed = []
    while len(killed) < kills:
        run = project.start()
        moment = chance.uniform(0, LONGEST_WAIT)
        victims = chance.choice(["a job", "Snakemake", "Snakemake and a job"])
        if ends_within(run, moment):
            assert run.returncode == 0
            return killed
        if kill(run, victims, chance):
            killed.append(f"{victims} after {moment:.1f} s")
        run.wait(60)
        until_gone(project.folder)
        unlock(project)
    project.run()
    return killed


def kill(run, victims, chance):
    """Kill Snakemake, one of its jobs, or both; return whether there was such a process."""
    snakemake = psutil.Process(run.pid)
    jobs = [child for child in snakemake.children(recursive=True) if "python" in child.name()]
    chosen = [snakemake] if "Snakemake" in victims else []
    chosen += [chance.choice(jobs)] if "job" in victims and jobs else []
    for process in chosen:
        process.send_signal(signal.SIGKILL)
    if not chosen:
        run.terminate()
    return bool(chosen)


def ends_within(run, seconds):
    try:
        run.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def until_gone(folder, seconds=60):
    """Wait until no process works in the folder: jobs end with their Snakemake."""
    deadline = time.monotonic() + seconds
    while processes := processes_in(folder):
        assert time.monotonic() < deadline, f"orphans: {processes}"
        time.sleep(0.1)


def unlock(project):
    if any((project.folder / ".snakemake" / "locks").glob("*")):
        assert project.snakemake("--unlock").returncode == 0


def processes_in(folder):
    found = []
    for process in psutil.process_iter(["cwd", "cmdline", "status"]):
        if process.info["cwd"] == str(folder) and process.info["status"] != "zombie":
            found.append(" ".join(process.info["cmdline"]))
    return found


def leftovers(folder):
    """Return temporary files, progress and locks of trainings, and Snakemake's locks and marks."""
    hidden = [
        path for path in (folder / "results").rglob(".*") if path.name != ".snakemake_timestamp"
    ]
    progress = list((folder / "results").rglob("progress*"))
    marks = [
        path
        for kind in ("locks", "incomplete")
        for path in (folder / ".snakemake" / kind).glob("*")
    ]
    return hidden + progress + marks
