"""Saved networks: read as data, so that no code in the file is ever run."""

import zipfile
from pathlib import Path

import keras

from .errors import UserError

# What Keras and h5py raise for a file that is damaged, of another kind, or holds code.
_UNREADABLE = (OSError, EOFError, ValueError, TypeError, KeyError, zipfile.BadZipFile)


def load(path: str | Path, remedy: str, compile: bool = True) -> keras.Model:
    """Load a `.keras` file in Keras' safe mode.

    Parameters
    ----------
    remedy: what to do about a file that cannot be loaded, the end of a sentence.

    Raises `UserError` when the file is damaged, no saved network, or has code in it.
    """
    try:
        return keras.saving.load_model(path, compile=compile, safe_mode=True)
    except _UNREADABLE as error:
        reason = "it has code in it" if "unsafe" in str(error).lower() else str(error)
        reason = " ".join(reason.split())[:300]
        raise UserError(f"{path} is no network that can be loaded ({reason}): {remedy}.") from error
