"""Registries: the entries of one kind, such as the scores, each in a module of its own."""

import importlib
from collections.abc import Iterator, Mapping
from types import ModuleType

from cxrnoise.core.errors import UserError


class Registry(Mapping):
    """The modules of a package by name; a module is imported when it is asked for.

    So an entry that is not used costs nothing, and `fingerprint` follows the chosen one alone: a
    new entry re-runs nothing.

    Parameters
    ----------
    package: the full name of the package that holds the modules.
    what: what an entry is called in an error, such as `score`.
    names: the names of the modules, which are those of the entries.
    """

    def __init__(self, package: str, what: str, *names: str):
        self._package, self._what, self._names = package, what, names

    def check(self, name: str) -> None:
        """Raise `UserError` that names the choices when there is no such entry."""
        if name not in self._names:
            raise UserError(
                f"There is no {self._what} {name!r}: choose one of {', '.join(self._names)}."
            )

    def __getitem__(self, name: str) -> ModuleType:
        self.check(name)
        return importlib.import_module(f"{self._package}.{name}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names
