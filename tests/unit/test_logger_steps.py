"""What `snakemake --logger steps` prints, from events as Snakemake sends them."""

import logging
import re
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_steps import LogHandler
from snakemake_logger_plugin_steps.time_left import TimeLeft

ROOT = Path(__file__).parents[2]
RUN = {"task": "situs", "noise": "8", "seed": "0", "part": ""}


class Run:
    """A run that sends events."""

    def __init__(self, dryrun=False):
        self.clock = time.time()
        self.handler = LogHandler(SimpleNamespace(stdout=False, dryrun=dryrun), None)

    def sends(self, event, message="", level=logging.INFO, **fields):
        record = logging.LogRecord("snakemake", level, "", 0, message, (), None)
        record.__dict__.update(fields, event=event, created=self.clock)
        self.handler.emit(record)

    def plans(self, **jobs):
        stats = {**jobs, "total": sum(jobs.values())}
        self.sends(LogEvent.RUN_INFO, "Job stats: ...", stats=stats)

    def starts(self, job, rule, files=(["a"], ["b"]), **wildcards):
        told = {"rule_name": rule, "wildcards": wildcards, "input": files[0], "output": files[1]}
        self.sends(LogEvent.JOB_INFO, jobid=job, **told)

    def fails(self, job):
        self.sends(LogEvent.JOB_ERROR, "Error in rule", logging.ERROR, jobid=job, log=["a.log"])

    def finishes(self, job, done, total):
        self.sends(LogEvent.JOB_FINISHED, job_id=job)
        self.sends(LogEvent.PROGRESS, done=done, total=total)


@pytest.fixture
def lines(capsys):
    """Return the lines that were printed since the last call."""
    return lambda: capsys.readouterr().err.splitlines()


def test_without_a_terminal_each_step_is_a_line_with_the_time_left(lines):
    run = Run()
    run.plans(labels=1, train=2)
    run.starts(0, "labels", **RUN)
    run.clock += 2
    run.finishes(0, 1, 3)
    run.starts(1, "train", **RUN)
    run.clock += 300
    run.finishes(1, 2, 3)
    assert lines() == [
        "1 of 3  Making the labels (situs, noise 8, seed 0): 2 s, about 1 min left",
        "2 of 3  Training the network (situs, noise 8, seed 0): 300 s, about 5 min left",
    ]
    run.handler.close()
    run.handler.close()
    assert len(lines()) == 1


def test_a_target_of_one_file_names_it(lines):
    run = Run()
    run.plans(report=1)
    run.starts(0, "report", files=(["results/report.html"], []))
    run.finishes(0, 1, 1)
    assert lines() == ["1 of 1  The report is there: results/report.html: 0 s"]


def test_a_terminal_has_a_bar_with_the_time_left_and_what_runs(capsys, monkeypatch):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm")
    run = Run()
    run.plans(shard=4)
    run.starts(0, "shard", shard="003")
    run.finishes(0, 1, 4)
    run.starts(1, "shard", shard="002")
    run.handler.close()
    text = re.sub(r"\x1b\[[\d;?]*\w", "", capsys.readouterr().err)
    assert "━ 1 of 4 steps, about 10 s left" in text
    assert "  Reducing the images (shard 002) …" in text
    assert "1 of 4  Reducing the images (shard 003): 0 s\n" in text


def test_a_checkpoint_may_leave_fewer_steps_and_a_failed_step_may_start_again(lines):
    run = Run()
    run.plans(labels=1, train=1, predict=1)
    run.starts(0, "labels", **RUN)
    run.finishes(0, 1, 2)
    run.starts(2, "predict", **RUN)
    run.fails(2)
    run.starts(2, "predict", **RUN)
    run.finishes(2, 2, 2)
    _, failed, last = lines()
    assert failed == "Failed: Predicting the test images (situs, noise 8, seed 0). Its log is a.log"
    assert last.startswith("2 of 2  Predicting")


def test_warnings_and_errors_of_snakemake_are_printed_and_the_rest_is_not(lines):
    run = Run()
    run.sends(None, "Select jobs to execute...")
    run.sends(None, "Nothing to be done (all requested files are present and up to date).")
    run.sends(None, "The code has changed.", logging.WARNING)
    ended = "Command 'python train.py' returned non-zero exit status 1."
    run.sends(LogEvent.ERROR, ended, logging.ERROR)
    run.sends(LogEvent.ERROR, "LockException: [a]", logging.ERROR)
    nothing, *said = lines()
    assert nothing.startswith("Nothing to be done")
    assert said == ["The code has changed.", "LockException: [a]"]


def test_a_dry_run_lists_the_steps(lines):
    run = Run(dryrun=True)
    run.plans(train=1, unknown=1)
    run.starts(0, "train", **RUN)
    run.starts(1, "unknown")
    plan = "Only a plan of 2 steps; nothing is done:"
    assert lines() == [plan, "Training the network (situs, noise 8, seed 0)", "unknown"]


def test_an_event_that_cannot_be_printed_does_not_stop_the_others(lines):
    run = Run()
    run.finishes("never started", 1, 2)
    assert "KeyError: 'never started'" in lines()
    run.sends(None, "still here", logging.WARNING)
    assert lines() == ["still here"]


def test_rules_that_were_not_seen_take_their_typical_time_on_this_machine():
    left = TimeLeft({"labels": 10, "train": 100}, {"labels": 2, "train": 3}, now=0)
    assert left.seconds(0, 5) == 20 + 300
    left.start(0, "labels", 0)
    left.finish(0, 30)  # three times its typical time, which makes trainings twice as long
    assert left.seconds(30, 4) == 30 + 600
    left.start(1, "train", 30)
    left.start(2, "train", 30)
    assert left.seconds(130, 4) == pytest.approx((30 + 200 + 2 * 100) / (230 / 130))  # at once
    assert left.seconds(130, 3) == 200  # one is not needed, and the other is a training
    assert left.seconds(1030, 4) == 1000  # as long at least as one that runs


def test_every_rule_has_words():
    rules = set()
    for file in (ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")):
        pattern = r'^ *(?:rule|checkpoint) (\w+):\n(?: +name:\s+"(.*)")?'
        named = re.findall(pattern, file.read_text(), re.MULTILINE)
        rules |= {name or rule for rule, name in named}
    table = ROOT / "workflow/plugins/snakemake_logger_plugin_steps/steps.csv"
    words = {line.split(",")[0] for line in table.read_text().splitlines()}
    assert rules and rules <= words, f"add to {table}: {rules - words}"
