"""What every script does around its work.

A log, one sentence for a user's mistake, and an end when the Snakemake that started it is gone.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from .errors import UserError

FORMAT = "%(asctime)s %(levelname)s %(message)s"


@contextmanager
def job(snakemake) -> Iterator[None]:
    """Log to the rule's log file and to stderr; turn a `UserError` into its sentence and exit 1.

    The process ends with the one whose id is in SNAKEMAKE_PID, so that nothing writes into a
    folder whose next run has begun.
    """
    if "SNAKEMAKE_PID" in os.environ:
        watched = int(os.environ["SNAKEMAKE_PID"])
        threading.Thread(target=_end_with, args=(watched,), daemon=True).start()
    handlers = [logging.StreamHandler(sys.stderr), logging.FileHandler(snakemake.log[0], mode="w")]
    logging.basicConfig(
        level=logging.INFO, format=FORMAT, datefmt="%H:%M:%S", handlers=handlers, force=True
    )
    try:
        yield
    except UserError as error:
        logging.error("%s", error)
        sys.exit(1)
    except Exception:
        logging.exception("unexpected error, please report it with this log")
        sys.exit(1)


def _end_with(process: int) -> None:
    with suppress(psutil.NoSuchProcess):  # it is gone already
        psutil.Process(process).wait()
    os.kill(os.getpid(), signal.SIGKILL)
