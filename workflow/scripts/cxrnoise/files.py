"""Outputs that are either whole or absent."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .errors import UserError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block succeeds.

    The temporary name keeps the suffix, because writers choose the format by it.
    Raises `UserError` when the disk is full or not writable.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        ours = (None, *map(str, (temporary, *path.parents)))
        if error.filename not in ours or error.errno is None:
            raise
        raise _unwritable(path, error.errno) from error
    except RuntimeError as error:
        number = re.search(r"errno = (\d+)", str(error))  # HDF5 could not flush as it closed
        if number is None:
            raise
        raise _unwritable(path, int(number[1])) from error
    finally:
        temporary.unlink(missing_ok=True)


def at_hand(sets: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return, by name, the files of the sets that are there as a whole, or of all if none is."""
    sets = list(sets)
    there = [files for files in sets if all(map(os.path.exists, files.values()))]
    return {name: path for files in there or sets for name, path in files.items()}


def _unwritable(path: Path, number: int) -> UserError:
    return UserError(
        f"{path} could not be written ({os.strerror(number)}): "
        "free some space or choose another results folder, then run the same command again."
    )
