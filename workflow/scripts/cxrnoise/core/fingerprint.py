"""What of the code a result depends on, as a parameter that Snakemake compares."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).parents[2]  # the folder of the scripts, of `cxrnoise` and `readingroom`
ERRORS = ("UserError", "Unreadable", "Truncated")
LOGS = ("log", "logging")


@cache
def fingerprint(script: str, *entries: str) -> str:
    """Return 16 hex digits that change when the code behind a script changes.

    They cover every module that the script imports, directly or not, and of a registry only the
    chosen entries, for a registry imports by name. Comments, formatting, docstrings, log calls,
    texts of errors and the names in a registry do not count. (Snakemake compares the script
    itself.)

    Parameters
    ----------
    script: file name of a script in `workflow/scripts`.
    entries: modules of registries that the script uses, such as `cxrnoise.scores.confidence`.
    """
    seen: dict[str, str] = {}
    for module in [*_imported(SCRIPTS / script, ""), *entries]:
        _follow(module, seen)
    return hashlib.sha256("\n".join(seen[name] for name in sorted(seen)).encode()).hexdigest()[:16]


def _follow(module: str, seen: dict[str, str]) -> None:
    path = _file(module)
    if path and module not in seen:
        seen[module] = _meaning(path)
        for imported in _imported(path, module):
            _follow(imported, seen)


def _file(module: str) -> Path | None:
    """Return the file of a module or package in `SCRIPTS`, None for what is not there."""
    path = SCRIPTS.joinpath(*module.split("."))
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def _imported(path: Path, module: str) -> Iterator[str]:
    """Yield what a file may import: modules, their packages, and names that may be modules."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            home = ".".join([*above, *filter(None, [node.module])])
            names = [home, *(f"{home}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _meaning(path: Path) -> str:
    tree = _Meaning().visit(ast.parse(path.read_text(encoding="utf-8")))
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


class _Meaning(ast.NodeTransformer):
    """Leaves out what changes no result."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        value = node.value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return None
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            home = value.func.value
            if isinstance(home, ast.Name) and home.id in LOGS:
                return None
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
        name = called.id if isinstance(called, ast.Name) else called
        if name in ERRORS or name == "Registry":
            return ast.Call(node.func, [], [])
        return self.generic_visit(node)
