"""Saved networks, which are read as data: code in a file never runs."""

import zipfile
import zlib
from pathlib import Path

import keras

from cxrnoise.core.errors import UserError

# What NumPy, Keras and h5py raise for a file that is damaged, of another kind, or contains code.
UNREADABLE = (OSError, EOFError, ValueError, TypeError, KeyError, zipfile.BadZipFile, zlib.error)


def load(path: str | Path, remedy: str, compile: bool = True) -> keras.Model:
    """Load a `.keras` file in Keras' safe mode.

    Parameters
    ----------
    remedy: what the user should do about a file that cannot be loaded; it ends the sentence.

    Raises `UserError` when the file is damaged, is no saved network, or contains code.
    """
    try:
        return keras.saving.load_model(path, compile=compile, safe_mode=True)
    except UNREADABLE as error:
        raise UserError(f"network {path} could not be read ({reason(error)}): {remedy}.") from error


def reason(error: Exception) -> str:
    """Say in a few words what is wrong with a file that led to an error of `UNREADABLE`."""
    text = " ".join(str(error).split())
    if "safe_mode" in text or "pickle" in text:  # the text explains how to run it
        return "it holds code, which is never run"
    if text.startswith("File not found: filepath="):  # Keras says so of other kinds too
        return "it is no saved network"
    return text.split(". ")[0][:300]
