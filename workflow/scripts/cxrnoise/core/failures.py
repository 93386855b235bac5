"""Why a run failed, said at its end."""

import atexit
import logging
import os
import re
import sys
from pathlib import Path

NO_SENTENCE = (
    "The step {rule} ended without an error in its log. It was killed, perhaps because memory ran "
    "out, or its files did not appear: Snakemake's lines above say more."
)


class Failures(logging.Handler):
    """The jobs of this run that have failed, from what Snakemake's logger is told."""

    def __init__(self):
        super().__init__()
        self._jobs = {}  # rule and logs of each by its id, the latest last

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        if event == "job_error" and record.log:
            self._jobs.pop(record.jobid, None)
            self._jobs[record.jobid] = record.rule_name, record.log
        elif event == "job_finished":  # at a further attempt
            self._jobs.pop(record.job_id, None)

    def say_at_the_end(self) -> None:
        """Print the sentence of the last one when this process ends, below Snakemake's own lines.

        It is the last error in the log of the job. Nothing is printed where Snakemake failed
        before any job.
        """
        if not self._jobs:
            return
        *others, (rule, logs) = self._jobs.values()
        lines = ["", _last_error(logs[0]) or NO_SENTENCE.format(rule=rule)]
        lines.append(f"The log of this step ({rule}): {', '.join(logs)}")
        if others:
            lines.append(f"Also failed, with logs: {', '.join(logs[0] for _, logs in others)}")
        atexit.register(print, "\n".join(lines), file=sys.stderr)


def _last_error(log: str) -> str:
    text = Path(log).read_text(errors="replace") if os.path.exists(log) else ""
    errors = re.findall(r"(?m)^[\d:]{8} ERROR (.*)", text)
    return errors[-1] if errors else ""
