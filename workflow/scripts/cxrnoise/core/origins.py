"""What a file says of itself: the record of what made it, and its checksum."""

import hashlib
import json
from pathlib import Path

import h5py
import pyarrow as pa
import pyarrow.parquet as pq

LARGEST = 2**27  # bytes that are read for a checksum


def provenance(path: str | Path) -> dict | None:
    """Return what `provenance.describe` wrote into a file, or beside a network; else None."""
    path = Path(path)
    try:
        if path.suffix == ".parquet":
            text = (pq.read_schema(path).metadata or {}).get(b"provenance")
        elif path.suffix == ".h5":
            with h5py.File(path, "r") as file:
                text = file.attrs.get("provenance")
        elif path.suffix == ".keras":
            text = path.with_name("provenance.json").read_text(encoding="utf-8")
        else:
            return None
        found = json.loads(text) if text else None
    except (OSError, ValueError, pa.ArrowException):
        return None
    return found or None


def checksum(path: str | Path) -> str | None:
    """Return the sha256 of a file in hex; None for what is no file, or is too large to be read.

    Where `NAME.sha256` says it, as beside each shard, the file is not read.
    """
    path = Path(path)
    beside = path.with_suffix(".sha256")
    said = beside.read_text(encoding="utf-8").split() if beside.is_file() else []
    if said[1:] == [path.name]:
        return said[0]
    if not path.is_file() or path.stat().st_size > LARGEST:
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
