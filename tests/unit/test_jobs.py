"""What a job leaves in its log and says to Snakemake."""

import subprocess
import sys
from pathlib import Path

import pytest

import cxrnoise

SCRIPT = """
import logging, sys
from types import SimpleNamespace
from cxrnoise.errors import UserError
from cxrnoise.jobs import job

with job(SimpleNamespace(log=[sys.argv[1]])):
    {body}
"""


@pytest.fixture
def run(tmp_path):
    """Run the body of a script; return its exit code, what it printed and its log."""

    def run(body):
        log = tmp_path / "job.log"
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT.format(body=body), log],
            env={"PYTHONPATH": str(Path(cxrnoise.__file__).parents[1])},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stderr, log.read_text()

    return run


def test_a_mistake_of_the_user_is_one_line_and_a_failing_exit(run):
    code, printed, log = run("raise UserError('labels.parquet is damaged: delete it.')")
    assert code == 1
    assert printed == log
    assert len(log.splitlines()) == 1
    assert log.endswith("ERROR labels.parquet is damaged: delete it.\n")


def test_any_other_error_keeps_its_traceback_in_the_log(run):
    code, printed, log = run("{}['key']")
    assert code == 1
    assert printed == log
    assert "please report it" in log
    assert "Traceback" in log and "KeyError: 'key'" in log


def test_a_job_that_succeeds_prints_its_log_and_returns(run):
    code, printed, log = run("logging.info('%d images', 7)")
    assert code == 0
    assert printed == log
    assert log.endswith("INFO 7 images\n")


def test_a_job_that_runs_again_starts_its_log_anew(run):
    run("logging.info('first')")
    assert "first" not in run("logging.info('second')")[2]
