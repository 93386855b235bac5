"""What every script does around its work: a log, and one sentence for a user's mistake."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cxrnoise.core.errors import UserError

ALIVE = "CXRNOISE_ALIVE"  # the variable with the pipe that is open as long as Snakemake lives
QUIET = "CXRNOISE_QUIET"  # set by the logger plugin `steps`: jobs print nothing
FORMAT = "%(asctime)s %(levelname)s %(message)s"
OUT_OF_MEMORY = (
    "out of memory ({reason}): give the rule {rule} more with --set-resources {rule}:mem_mb=… on a "
    "cluster, run fewer jobs at once with --cores, or lower the batch sizes in the configuration."
)


def end_with_this_process() -> None:
    """Let every job that this process starts end with it, even if it is killed.

    Each job waits for the end of a pipe that this process alone holds open. Where there is no
    /proc, as on macOS, a job of a killed Snakemake runs to its end.
    """
    _, writing = os.pipe()  # both ends stay open
    pipe = f"/proc/{os.getpid()}/fd/{writing}"
    if os.path.exists(pipe):
        os.environ[ALIVE] = pipe


@contextmanager
def job(snakemake) -> Iterator[None]:
    """Log to the rule's log file; turn a `UserError` into its sentence and exit 1.

    What is no error goes to stderr as well. Errors do not: Snakemake prints the log of a failed
    job, and `core/failures.py` the sentence. Under `QUIET` all of stderr goes to the log.

    The job ends with the Snakemake that started it, so that it does not work beside the jobs of
    the next run.
    """
    if ALIVE in os.environ:
        threading.Thread(target=_end_with, args=(os.environ[ALIVE],), daemon=True).start()
    logging.basicConfig(
        level=logging.INFO,
        format=FORMAT,
        datefmt="%H:%M:%S",
        handlers=_handlers(snakemake.log[0]),
        force=True,
    )
    try:
        yield
    except UserError as error:
        logging.error("%s", error)
        sys.exit(1)
    except KeyboardInterrupt:
        logging.error("interrupted: run the same command again to go on")
        sys.exit(1)
    except Exception as error:
        if _is_out_of_memory(error):
            reason = str(error).strip().split("\n")[0]
            logging.error("%s", OUT_OF_MEMORY.format(rule=snakemake.rule, reason=reason))
        else:
            logging.exception("unexpected error, please report it with this log")
        sys.exit(1)


def _handlers(path: str) -> list[logging.Handler]:
    """Return the handlers of a job that logs to `path`."""
    terminal = os.fdopen(os.dup(2), "w", buffering=1)
    log = logging.FileHandler(path, mode="w")
    # On a full disk the sentence is said here, because the log cannot hold it.
    log.handleError = lambda record: print(log.format(record), file=terminal)
    if QUIET in os.environ:
        os.dup2(log.stream.fileno(), 2)
        return [log]
    stderr = logging.StreamHandler(terminal)
    stderr.addFilter(lambda record: record.levelno < logging.ERROR)
    return [log, stderr]


def _is_out_of_memory(error: Exception) -> bool:
    """Whether the machine or the GPU has too little memory; TensorFlow has its own error."""
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"


def _end_with(pipe: str) -> None:
    with suppress(FileNotFoundError):  # Snakemake is gone already
        Path(pipe).read_bytes()  # nothing is ever written: this ends when Snakemake does
    os.kill(os.getpid(), signal.SIGKILL)
