"""What made a file: configuration, package versions, code."""

import ast
import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = Path(__file__).parent
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
    config: the configuration keys and wildcards that made the file.
    code: `fingerprint` of the modules that made it.
    """
    return json.dumps(
        {"config": config, "code": code, "packages": _installed()}, sort_keys=True, default=str
    )


@cache
def fingerprint(*modules: str) -> str:
    """Return 16 hex digits that change when the code behind `modules` changes.

    The hash covers the modules and every module of this package that they import, directly
    or not. Comments, formatting and docstrings do not count, so editing them re-runs nothing.
    """
    digest = hashlib.sha256()
    seen = set()
    for module in modules:
        _imported(module, seen)
    for name in sorted(seen):
        digest.update(ast.dump(_without_docstrings(_tree(name))).encode())
    return digest.hexdigest()[:16]


def _imported(module: str, seen: set[str]) -> None:
    seen.add(module)
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            for name in set(names) - seen:
                _imported(name, seen)


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node, clean=False
        ):
            node.body = node.body[1:]
    return tree


@cache
def _installed() -> dict[str, str]:
    versions = {}
    for name in RECORDED:
        with suppress(PackageNotFoundError):  # an environment of image work has no TensorFlow
            versions[name] = version(name)
    return versions


def digest(paths: Iterable[str | Path]) -> str:
    """Return the sha256 of the files' contents, one after the other."""
    sha256 = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                sha256.update(block)
    return sha256.hexdigest()
