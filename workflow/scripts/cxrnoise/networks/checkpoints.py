"""What a killed training leaves behind, so that the next one continues where it stopped.

Snakemake deletes the outputs of a job that failed; this folder is none of them. It holds
one checkpoint (the network with its optimiser, and the history so far), a fingerprint of
what is trained, and a lock.
"""

import fcntl
import json
import logging
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

import keras

from cxrnoise.core.errors import UserError
from cxrnoise.core.files import replacing
from cxrnoise.networks import models

log = logging.getLogger(__name__)


@dataclass
class State:
    """What the schedule remembers: steps done, and one row of history per validation."""

    step: int = 0
    history: list[dict] = field(default_factory=list)


class Progress:
    """A folder with at most one whole checkpoint of the training that `fingerprint` names."""

    def __init__(self, folder: Path, fingerprint: str):
        self._folder = folder
        self._checkpoint = folder / "checkpoint"
        self._fingerprint = fingerprint

    def save(self, model: keras.Model, state: State) -> None:
        """Replace the checkpoint; a kill in the middle leaves the old one or the new one.

        Raises `UserError` when the disk is full; the old one is then still there.
        """
        new = self._folder / "new"
        shutil.rmtree(new, ignore_errors=True)
        try:
            with replacing(new / "model.keras") as temporary:
                model.save(temporary)
            with replacing(new / "state.json") as temporary:
                temporary.write_text(
                    json.dumps({"fingerprint": self._fingerprint, **asdict(state)})
                )
        except UserError:  # give the space back
            shutil.rmtree(new, ignore_errors=True)
            raise
        shutil.rmtree(self._folder / "old", ignore_errors=True)
        if self._checkpoint.exists():
            self._checkpoint.rename(self._folder / "old")
        new.rename(self._checkpoint)
        shutil.rmtree(self._folder / "old", ignore_errors=True)

    def restore(self) -> tuple[keras.Model, State] | None:
        """Return the last checkpoint, or None where there is none of this training.

        Raises `UserError` when it is damaged, or holds code.
        """
        if not self._checkpoint.exists() and (self._folder / "old").exists():
            (self._folder / "old").rename(self._checkpoint)
        model_file, state_file = self._checkpoint / "model.keras", self._checkpoint / "state.json"
        if not (model_file.exists() and state_file.exists()):  # a kill as it was being removed
            return None
        remedy = f"delete {self._folder} and run again, which trains from the beginning"
        try:
            saved = json.loads(state_file.read_text())
            fingerprint, state = saved.pop("fingerprint"), State(**saved)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{state_file} is damaged: {remedy}.") from error
        if fingerprint != self._fingerprint:
            log.info("labels, shards, settings or code have changed: starting from the beginning")
            return None
        model = models.load(model_file, remedy)
        log.info("resuming after step %d", state.step)
        return model, state

    def remove(self) -> None:
        """Remove what `save` has left."""
        for name in ("checkpoint", "new", "old"):
            shutil.rmtree(self._folder / name, ignore_errors=True)


@contextmanager
def opened(folder: str | Path, fingerprint: str) -> Iterator[Progress]:
    """Yield the progress in `folder`, locked; remove the folder when the block succeeds.

    Waits while another process trains there: on a cluster a training outlives the Snakemake that
    started it, and the next Snakemake starts one more.
    """
    folder = Path(folder)
    with _locked(folder):
        progress = Progress(folder, fingerprint)
        yield progress
        progress.remove()
        (folder / "lock").unlink()  # the last, for from now on another process may enter
    with suppress(OSError):  # unless one has
        folder.rmdir()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with _lock(folder) as lock:
        lock.truncate(0)
        lock.write(f"{platform.node()} {os.getpid()}")
        lock.flush()
        yield


def _lock(folder: Path) -> TextIO:
    """Return the lock of the folder, held; again and again where its owner has just removed it."""
    while True:
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
        with suppress(FileNotFoundError):
            lock = (folder / "lock").open("a+")
            _wait_for(lock, folder)
            if _is_at(lock, folder / "lock"):
                return lock
            lock.close()


def _wait_for(lock: TextIO, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = " process ".join(lock.read().split())
        log.info("waiting: %s is training in %s", owner, folder)
        fcntl.flock(lock, fcntl.LOCK_EX)


def _is_at(file: TextIO, path: Path) -> bool:
    return path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())
