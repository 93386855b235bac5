"""What every script does around its work: a log, and one sentence for a user's mistake."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import UserError

FORMAT = "%(asctime)s %(levelname)s %(message)s"


@contextmanager
def job(snakemake) -> Iterator[None]:
    """Log to the rule's log file and to stderr; turn a `UserError` into its sentence and exit 1."""
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
