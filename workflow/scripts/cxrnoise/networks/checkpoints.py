"""The state of a training, saved so that it continues after it was killed.

Snakemake deletes the outputs of a failed job, so this is not an output: a folder with one
checkpoint (the network with its optimiser, and history and training dynamics so far), and a lock
beside it.
"""

import io
import json
import logging
import os
import platform
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import keras
import numpy as np

from cxrnoise.core.errors import UserError
from cxrnoise.core.files import locked, replacing
from cxrnoise.networks import models

log = logging.getLogger(__name__)

# Beside what Keras has in its zip file.
_STATE = "training.json"
_DYNAMICS = "dynamics.npz"


@dataclass
class State:
    """What is remembered of a training beside the network.

    step: steps done. history: one row per validation. dynamics: arrays, see `dynamics.nothing`;
    empty before the first step.
    """

    step: int = 0
    history: list[dict] = field(default_factory=list)
    dynamics: dict[str, np.ndarray] = field(default_factory=dict)


class Progress:
    """A folder with the last checkpoint of the training that `fingerprint` identifies."""

    def __init__(self, folder: Path, fingerprint: str):
        self._folder = folder
        self._file = folder / "checkpoint.keras"
        self._fingerprint = fingerprint

    def save(self, model: keras.Model, state: State) -> None:
        """Replace the checkpoint; after a kill in the middle the old one is still there.

        Raises `UserError` when the disk is full; the old one is then still there, too.
        """
        saved = {"step": state.step, "history": state.history}
        content = json.dumps({"fingerprint": self._fingerprint, **saved})
        arrays = io.BytesIO()
        np.savez(arrays, **state.dynamics)
        with replacing(self._file) as temporary:
            model.save(temporary)
            with zipfile.ZipFile(temporary, "a") as archive:
                archive.writestr(_STATE, content)
                archive.writestr(_DYNAMICS, arrays.getvalue())

    def restore(self) -> tuple[keras.Model, State] | None:
        """Return the checkpoint, or None where there is none of this training.

        Raises `UserError` when it is damaged, or holds code.
        """
        if not self._file.exists():
            return None
        remedy = f"delete {self._folder} and run again, which trains from the beginning"
        try:
            with zipfile.ZipFile(self._file) as archive:
                saved = json.loads(archive.read(_STATE))
                is_other = saved.pop("fingerprint") != self._fingerprint
                state = State() if is_other else State(**saved, dynamics=_arrays(archive))
        except models.UNREADABLE as error:
            reason = models.reason(error)
            raise UserError(f"{self._file} is damaged ({reason}): {remedy}.") from error
        if is_other:
            log.info("labels, shards, settings or code have changed: starting from the beginning")
            return None
        model = models.load(self._file, remedy)
        log.info("resuming after step %d", state.step)
        return model, state


def _arrays(archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(archive.read(_DYNAMICS)), allow_pickle=False) as arrays:
        return dict(arrays)


@contextmanager
def opened(folder: str | Path, fingerprint: str) -> Iterator[Progress]:
    """Yield the progress in `folder`, locked; remove the folder when the block succeeds.

    Waits while another process trains there: on a cluster a training can outlive the Snakemake
    that started it, and the next Snakemake starts the same training.
    """
    folder = Path(folder)
    lock_file = folder.with_name(f"{folder.name}.lock")

    def waiting(lock: BinaryIO) -> None:
        lock.seek(0)
        log.info("waiting: %s is training in %s", lock.read().decode(), folder)

    with locked(lock_file, waiting) as lock:
        lock.truncate(0)
        lock.write(f"{platform.node()} process {os.getpid()}".encode())
        lock.flush()
        yield Progress(folder, fingerprint)
        shutil.rmtree(folder, ignore_errors=True)
        lock_file.unlink()  # the last, because then another process may come in
