"""The record of what made a file: configuration, package versions, code."""

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RECORDED = (
    "h5py",
    "numpy",
    "pandas",
    "pillow",
    "pyarrow",
    "pydicom",
    "snakemake",
    "tensorflow",
)


def describe(config: dict, code: str) -> str:
    """Return the JSON text that every output carries under the key `provenance`.

    Parameters
    ----------
    config: the configuration keys and wildcards that the file depends on.
    code: the `fingerprint` of the script that made it.
    """
    return json.dumps(
        {"config": config, "code": code, "packages": _installed()}, sort_keys=True, default=str
    )


@cache
def _installed() -> dict[str, str]:
    versions = {}
    for name in RECORDED:
        with suppress(PackageNotFoundError):  # conda's images.yaml has no TensorFlow
            versions[name] = version(name)
    return versions


def digest(paths: Iterable[str | Path]) -> str:
    """Return the sha256 of the contents of all files, read as one."""
    sha256 = hashlib.sha256()
    for path in paths:
        sha256.update(Path(path).read_bytes())
    return sha256.hexdigest()
