"""What `snakemake --logger steps` prints: one line a step in words, a bar, and the time left.

`make demo` uses it. The plugin `rich` of the package index was tried (version 0.5.1): it draws one
bar for each rule, with the rule's name and without the time left, and prints no line for a step;
without a terminal nothing but our jobs' own lines shows how far a run is. Rules have no `message:`,
because Snakemake would print it in place of inputs, outputs and log, also without this plugin. The
words are in `steps.csv` therefore.

What this plugin leaves out is in Snakemake's own log and in the logs of the steps, which print
nothing else while it is in use. Without a terminal, as in a pipe or in CI, there is no bar, and
each line says the time left.
"""

import csv
import logging
import os
import time
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_steps.time_left import TimeLeft

QUIET = "CXRNOISE_QUIET"  # tells jobs to print nothing; core/jobs.py reads it
NOTHING = "Nothing to be done"
OF_A_FAILED_SCRIPT = "returned non-zero exit status 1."  # the end of an error that says no more


class LogHandler(LogHandlerBase):
    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        os.environ[QUIET] = "1"
        with Path(__file__).with_name("steps.csv").open(encoding="utf-8") as file:
            self._rules = {row["rule"]: row for row in csv.DictReader(file)}
        self._steps = {}  # what each job does, by its id
        self._running = {}  # when each running job began, by its id
        self._began = time.time()
        self._done = self._total = 0
        self._console = Console(stderr=not self.common_settings.stdout, highlight=False)
        self._bar = None

    def emit(self, record: logging.LogRecord) -> None:
        handlers = {
            LogEvent.RUN_INFO: self._plan,
            LogEvent.JOB_INFO: self._start,
            LogEvent.JOB_FINISHED: self._finish,
            LogEvent.JOB_ERROR: self._fail,
            LogEvent.PROGRESS: self._count,
        }
        try:
            handlers.get(getattr(record, "event", None), self._repeat)(record)
            if self._bar:
                self._bar.refresh()
        except Exception:  # of one line, after which the others must come
            self.handleError(record)

    def close(self) -> None:
        if self._bar:
            self._bar.stop()
        if self._done:
            took = _in_words(time.time() - self._began)
            self._say(f"{self._done} of {self._total} steps in {took}.")
        self._done = 0  # Snakemake closes its handlers twice
        super().close()

    def _plan(self, record):
        typical = {rule: float(row["seconds"]) for rule, row in self._rules.items()}
        jobs = {rule: number for rule, number in record.stats.items() if rule != "total"}
        self._left = TimeLeft(typical, jobs, record.created)
        self._total = record.stats["total"]
        if self.common_settings.dryrun:
            self._say(f"Only a plan of {self._total} steps; nothing is done:")
        if self._console.is_terminal and not self.common_settings.dryrun:
            self._bar = Live(
                get_renderable=self._draw,
                console=self._console,
                refresh_per_second=2,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._bar.start()
            self._console.show_cursor()  # it would stay hidden where Snakemake is killed

    def _start(self, record):
        row = self._rules.get(record.rule_name, {"words": record.rule_name})
        step = _step(row["words"], record.wildcards)
        if not record.output and len(record.input) == 1:  # a target that is one file
            step += f": {record.input[0]}"
        if self.common_settings.dryrun:
            self._say(step)
            return
        self._steps[record.jobid] = step
        self._running[record.jobid] = record.created
        self._left.start(record.jobid, record.rule_name, record.created)

    def _finish(self, record):
        took = record.created - self._running.pop(record.job_id)
        self._left.finish(record.job_id, record.created)
        self._done += 1
        width = len(str(self._total))
        line = f"{self._done:{width}} of {self._total}  {self._steps[record.job_id]}: {took:.0f} s"
        if not self._bar and self._done < self._total:
            line += f", {self._time_left(record.created)}"
        self._say(line)

    def _fail(self, record):
        self._running.pop(record.jobid)
        self._left.fail(record.jobid)
        self._say(f"Failed: {self._steps[record.jobid]}. Its log is {record.log[0]}", "red")

    def _count(self, record):
        self._done, self._total = record.done, record.total

    def _repeat(self, record):
        """Print what Snakemake says to everybody: warnings, errors, and that all is there."""
        text = record.getMessage()
        if record.levelno >= logging.WARNING and not text.endswith(OF_A_FAILED_SCRIPT):
            self._say(text, "red" if record.levelno >= logging.ERROR else "yellow")
        elif text.startswith(NOTHING):
            self._say(text)

    def _say(self, text, style=""):
        self._console.print(Text(text, style), soft_wrap=True)

    def _time_left(self, now):
        return f"{_in_words(self._left.seconds(now, self._total - self._done))} left"

    def _draw(self):
        bar = Table.grid(padding=(0, 1))
        progress = f"{self._done} of {self._total} steps, {self._time_left(time.time())}"
        bar.add_row(ProgressBar(self._total, self._done, width=30), progress)
        running = [Text(f"  {self._steps[job]} …", "dim") for job in list(self._running)]
        return Group(bar, *running)


def _step(words, wildcards):
    """Return a step in words: what it does, and to what."""
    values = [
        f"{name} {value}" if value[0].isdigit() else value.strip("/-")
        for name, value in wildcards.items()
        if value
    ]
    return f"{words} ({', '.join(values)})" if values else words


def _in_words(seconds):
    hours, minutes = divmod(round(seconds / 60), 60)
    if seconds < 60:
        return f"about {10 * (seconds // 10 + 1):.0f} s"
    return f"about {hours} h {minutes} min" if hours else f"about {minutes} min"
