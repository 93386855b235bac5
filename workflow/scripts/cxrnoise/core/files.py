"""Files that are either whole or absent, and files that one process at a time may have."""

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cxrnoise.core.errors import UserError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block succeeds.

    The temporary name keeps the suffix, because writers choose the format by it. It is always the
    same, so the next job that writes `path` removes what a killed job left. Should two jobs write
    the same file, which is possible on a cluster after Snakemake was killed, one of them fails.
    Raises `UserError` when the disk is full or not writable.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.unfinished{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        number = _number(error)
        if number is None or not _is_about(error, path, temporary):
            raise
        raise unwritable(path, number) from error
    finally:
        temporary.unlink(missing_ok=True)


def unwritable(path: Path, number: int) -> UserError:
    """Return the error for a file that could not be written; `number` is the system's `errno`."""
    return UserError(
        f"{path} could not be written ({os.strerror(number)}): "
        "free some space or choose another folder, then run the same command again."
    )


@contextmanager
def locked(path: str | Path, busy: Callable[[BinaryIO], None]) -> Iterator[BinaryIO]:
    """Open a file that only one process at a time may have, positioned at its end.

    The process that has it may rename or remove it. The lock ends with the process.

    Parameters
    ----------
    busy: called with the open file when another process has it; then this one waits for it, unless
        `busy` raises an exception.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("a+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                busy(file)
                fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(file, path):
                file.seek(0, os.SEEK_END)
                yield file
                return


def _number(error: OSError | RuntimeError) -> int | None:
    """Return the system's error number, which HDF5 only writes into its message."""
    if getattr(error, "errno", None) is not None:
        return error.errno
    found = re.search(r"errno = (\d+)", str(error))
    return int(found[1]) if found else None


def _is_about(error: OSError | RuntimeError, path: Path, temporary: Path) -> bool:
    """Whether the error names no file, or the one that is written, or one of its folders."""
    named = getattr(error, "filename", None)
    return named is None or Path(named) in (temporary, *path.parents)


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Whether the open file still has this name; the process before may have renamed it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
