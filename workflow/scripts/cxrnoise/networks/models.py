"""Saved networks and arrays: read as data, so that no code in a file is ever run."""

import zipfile
import zlib
from pathlib import Path

import keras

from cxrnoise.core.errors import UserError

# What NumPy, Keras and h5py raise for a file that is damaged, of another kind, or holds code.
UNREADABLE = (OSError, EOFError, ValueError, TypeError, KeyError, zipfile.BadZipFile, zlib.error)


def load(path: str | Path, remedy: str, compile: bool = True) -> keras.Model:
    """Load a `.keras` file in Keras' safe mode.

    Parameters
    ----------
    remedy: what to do about a file that cannot be loaded, the end of a sentence.

    Raises `UserError` when the file is damaged, no saved network, or has code in it.
    """
    try:
        return keras.saving.load_model(path, compile=compile, safe_mode=True)
    except UNREADABLE as error:
        raise UserError(f"network {path} could not be read ({reason(error)}): {remedy}.") from error


def reason(error: Exception) -> str:
    """Return in a few words what is wrong with a file that led to an error of `UNREADABLE`."""
    text = " ".join(str(error).split())
    if "safe_mode" in text or "pickle" in text:  # whose texts say how to run it nevertheless
        return "it holds code, which is never run"
    if text.startswith("File not found: filepath="):  # what Keras says of any other file as well
        return "it is no saved network"
    return text.split(". ")[0][:300]
