"""What every script does around its work.

A log, one sentence for a user's mistake, and an end when the Snakemake that started it is gone.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from cxrnoise.core.errors import UserError

OWNER = "CXRNOISE_OWNER"  # the variable that holds the process id of the Snakemake of a job
SECONDS_BETWEEN_LOOKS = 0.5  # whether the Snakemake is there
FORMAT = "%(asctime)s %(levelname)s %(message)s"
OUT_OF_MEMORY = (
    "out of memory ({reason}): give the rule {rule} more with --set-resources {rule}:mem_mb=… on a "
    "cluster, run fewer jobs at once with --cores, or lower the batch sizes in the configuration."
)


def end_with_this_process() -> None:
    """Let every job that this process starts end with it, even if it is killed."""
    os.environ[OWNER] = str(os.getpid())


@contextmanager
def job(snakemake) -> Iterator[None]:
    """Log to the rule's log file and to stderr; turn a `UserError` into its sentence and exit 1.

    The job ends with the Snakemake that started it, so that nothing writes into a folder whose
    next run has begun.
    """
    if OWNER in os.environ:
        owner = int(os.environ[OWNER])
        threading.Thread(target=_end_with, args=(owner,), daemon=True).start()
    logging.raiseExceptions = False  # a log on a full disk must not drown the sentence about it
    handlers = [logging.StreamHandler(sys.stderr), logging.FileHandler(snakemake.log[0], mode="w")]
    logging.basicConfig(
        level=logging.INFO, format=FORMAT, datefmt="%H:%M:%S", handlers=handlers, force=True
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
            logging.error(
                "%s", OUT_OF_MEMORY.format(rule=snakemake.rule, reason=_first_line(error))
            )
        else:
            logging.exception("unexpected error, please report it with this log")
        sys.exit(1)


def _is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out: that of the machine, or that of the GPU as TensorFlow tells it."""
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


def _end_with(process: int) -> None:
    with suppress(psutil.NoSuchProcess):  # it is gone already
        owner = psutil.Process(process)
        # `wait` would wait for a zombie too, which a container's first process may never reap.
        while owner.is_running() and owner.status() != psutil.STATUS_ZOMBIE:
            time.sleep(SECONDS_BETWEEN_LOOKS)
    os.kill(os.getpid(), signal.SIGKILL)
