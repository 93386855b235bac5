"""Outputs that are either whole or absent."""

import os
import platform
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from cxrnoise.core.errors import UserError

NODE = platform.node()
DAY = 24 * 60 * 60  # seconds


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block succeeds.

    The temporary name keeps the suffix, because writers choose the format by it. What a process
    that was killed left of the same file is removed.
    Raises `UserError` when the disk is full or not writable.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{NODE}-{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for leftover in _leftovers(path):
            leftover.unlink(missing_ok=True)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        ours = (None, *map(str, (temporary, *path.parents)))
        if error.filename not in ours or error.errno is None:
            raise
        raise unwritable(path, error.errno) from error
    except RuntimeError as error:
        number = re.search(r"errno = (\d+)", str(error))  # HDF5 could not flush as it closed
        if number is None:
            raise
        raise unwritable(path, int(number[1])) from error
    finally:
        temporary.unlink(missing_ok=True)


def at_hand(sets: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return, by name, the files of the sets that are there as a whole, or of all if none is."""
    sets = list(sets)
    there = [files for files in sets if all(map(os.path.exists, files.values()))]
    return {name: path for files in there or sets for name, path in files.items()}


def _leftovers(path: Path) -> Iterator[Path]:
    """Yield the temporary files of `path` whose process is dead, or silent for a day elsewhere."""
    name = re.compile(rf"\.{re.escape(path.stem)}\.(.+)-(\d+){re.escape(path.suffix)}")
    for file in path.parent.iterdir():
        if match := name.fullmatch(file.name):
            here = match[1] == NODE
            if not psutil.pid_exists(int(match[2])) if here else _silent(file):
                yield file


def _silent(file: Path) -> bool:
    try:
        return time.time() - file.stat().st_mtime > DAY
    except FileNotFoundError:  # its process has renamed it
        return False


def unwritable(path: Path, number: int) -> UserError:
    return UserError(
        f"{path} could not be written ({os.strerror(number)}): "
        "free some space or choose another folder, then run the same command again."
    )
