"""What a job leaves in its log and says to Snakemake."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import cxrnoise
from cxrnoise.core import jobs

LIBRARY = str(Path(cxrnoise.__file__).parents[1])
SCRIPT = """
import logging, sys
from types import SimpleNamespace
from cxrnoise.core.errors import UserError
from cxrnoise.core.jobs import job

with job(SimpleNamespace(log=[sys.argv[1]], rule="train")):
    {body}
"""


@pytest.fixture
def run(tmp_path):
    """Run the body of a script; return its exit code, what it printed and its log."""

    def run(body):
        log = tmp_path / "job.log"
        done = execute(body, log)
        return done.returncode, done.stderr, log.read_text()

    return run


def execute(body, log, **variables):
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.format(body=body), log],
        env={"PYTHONPATH": LIBRARY} | variables,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            "raise UserError('labels.parquet is damaged: delete it.')",
            "labels.parquet is damaged: delete it.",
        ),
        (
            "import signal; signal.raise_signal(signal.SIGINT)",
            "interrupted: run the same command again to go on",
        ),
    ],
)
def test_a_mistake_or_an_interrupt_is_one_line_of_the_log_and_a_failing_exit(run, body, sentence):
    code, printed, log = run(body)
    assert code == 1
    assert printed == ""
    assert len(log.splitlines()) == 1
    assert log.endswith(f"ERROR {sentence}\n")


def test_any_other_error_keeps_its_traceback_in_the_log(run):
    code, printed, log = run("{}['key']")
    assert code == 1
    assert printed == ""
    assert "please report it" in log
    assert "Traceback" in log and "KeyError: 'key'" in log


def test_too_little_memory_is_one_line_that_says_what_to_do(run):
    code, printed, log = run("import numpy; numpy.zeros(10**17)")
    assert code == 1
    assert printed == ""
    assert len(log.splitlines()) == 1
    assert "ERROR out of memory (Unable to allocate" in log
    assert "--set-resources train:mem_mb=" in log


def test_too_little_memory_of_a_gpu_is_said_as_well(run):
    fails = "class ResourceExhaustedError(Exception): pass\n    raise ResourceExhaustedError('OOM')"
    code, printed, log = run(fails)
    assert code == 1
    assert len(log.splitlines()) == 1
    assert "out of memory (OOM)" in log


@pytest.mark.parametrize("variables", [{}, {jobs.QUIET: "1"}])
def test_a_log_that_cannot_grow_does_not_hide_the_sentence(small_disk, variables):
    (small_disk / "filler").write_bytes(b"0" * shutil.disk_usage(small_disk).free)
    failing = "raise UserError('the disk is full.')"
    done = execute(failing, small_disk / "job.log", **variables)
    assert done.returncode == 1
    assert done.stderr.endswith("ERROR the disk is full.\n")
    assert len(done.stderr.splitlines()) == 1


def test_a_job_that_succeeds_prints_its_log_and_returns(run):
    code, printed, log = run("logging.info('%d images', 7)")
    assert code == 0
    assert printed == log
    assert log.endswith("INFO 7 images\n")


def test_a_quiet_job_prints_to_its_log_alone(tmp_path):
    body = "logging.info('7 images'); import warnings; warnings.warn('of a library')"
    done = execute(body, tmp_path / "job.log", **{jobs.QUIET: "1"})
    assert (done.stdout, done.stderr) == ("", "")
    log = (tmp_path / "job.log").read_text()
    assert "INFO 7 images\n" in log and "UserWarning: of a library\n" in log


RUN = """
import logging, sys
from cxrnoise.core.failures import Failures

failures = Failures()
for event, job, rule in {events}:
    record = logging.makeLogRecord(dict(event=event, jobid=job, job_id=job, rule_name=rule))
    record.log = [rule + ".log", "slurm.log"]
    failures.emit(record)
failures.say_at_the_end()
print("Complete log: ...", file=sys.stderr)
"""


@pytest.fixture
def end(tmp_path):
    """Return what is printed at the end of a run in which jobs failed or ended well."""
    (tmp_path / "train.log").write_text("10:00:00 ERROR a\n10:00:01 INFO b\n10:00:02 ERROR c.\nd\n")
    (tmp_path / "mcbn.log").write_text("10:00:00 INFO begins\n")

    def end(*events):
        done = subprocess.run(
            [sys.executable, "-c", RUN.format(events=events)],
            cwd=tmp_path,
            env={"PYTHONPATH": LIBRARY},
            capture_output=True,
            text=True,
        )
        first, *lines = done.stderr.splitlines()
        assert first == "Complete log: ..."
        return lines

    return end


def test_the_sentence_of_the_last_failed_job_is_printed_below_all_else(end):
    events = ("job_error", 0, "train"), ("job_error", 1, "mcbn"), ("job_error", 0, "train")
    assert end(*events) == [
        "",
        "c.",
        "The log of this step (train): train.log, slurm.log",
        "Also failed, with logs: mcbn.log",
    ]


@pytest.mark.parametrize("rule", ["mcbn", "never_began"])
def test_a_failed_job_without_a_sentence_is_said_to_have_been_killed(end, rule):
    empty, said, log = end(("job_error", 0, rule))
    assert f"The step {rule} ended without an error in its log" in said
    assert f"{rule}.log" in log


def test_a_job_that_ended_well_at_a_further_attempt_is_not_named(end):
    assert end(("job_error", 0, "train"), ("job_finished", 0, "train")) == []


def test_a_job_that_runs_again_starts_its_log_anew(run):
    run("logging.info('first')")
    assert "first" not in run("logging.info('second')")[2]


SNAKEMAKE = """
import subprocess, sys, time
from cxrnoise.core import jobs
jobs.end_with_this_process()
subprocess.Popen(["sh", "-c", '"$@"; true', "sh", sys.executable, "-c", sys.argv[1], sys.argv[2]])
time.sleep(60)
"""
WORK = "import os; print(os.getpid(), flush=True); import time; time.sleep(60)"


@pytest.mark.parametrize("reaped", [True, False])
def test_a_job_ends_with_the_snakemake_that_started_it(tmp_path, reaped):
    script = SCRIPT.format(body=WORK)
    snakemake = subprocess.Popen(
        [sys.executable, "-c", SNAKEMAKE, script, tmp_path / "job.log"],
        env={"PYTHONPATH": LIBRARY},
        stdout=subprocess.PIPE,
    )
    job = psutil.Process(int(snakemake.stdout.readline()))
    snakemake.kill()
    if reaped:
        snakemake.wait()
    assert ended(job)
    snakemake.wait()


def ended(process):
    deadline = time.monotonic() + 10
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_job_whose_snakemake_is_gone_before_it_begins_ends_at_once(tmp_path):
    snakemake = subprocess.Popen(["true"])
    snakemake.wait()
    job = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(body="import time; time.sleep(60)"), tmp_path / "log"],
        env={"PYTHONPATH": LIBRARY, jobs.ALIVE: f"/proc/{snakemake.pid}/fd/3"},
        timeout=30,
    )
    assert job.returncode == -signal.SIGKILL
