"""Names of images, patients and readers as a report may show them."""

import re
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.spreadsheets import unescaped
from cxrnoise.report.pages import write_csv

COLUMNS = ["kind", "pseudonym", "name"]
IMAGE, PATIENT, READER = "image", "patient", "reader"
AND = " & "  # between the names of two readers
ROOT = Path(__file__).parents[4]  # of the workflow
# The folders of a path from the root, or from the folder above, which may name a person.
FOLDERS = re.compile(r"(?<![\w.:/])(?:\.\.)?/(?:[^/'\"\n]+/)*")
BURNED_IN = (
    "Text may be burned into pictures, such as a name or a date of birth: look at each of them "
    "before you send this report to somebody."
)


class Names:
    """The names of images, patients and readers, or pseudonyms in their place.

    Pseudonyms are drawn by chance and kept in a key, so that nobody can work them out from a list
    of names, and a later report has the same ones.

    Parameters
    ----------
    key: the CSV file with the pseudonyms (`COLUMNS`), which need not exist; None for plain names.

    Raises `UserError` when the file is no such key, or gives one pseudonym to two names.
    """

    def __init__(self, key: str | Path | None = None):
        self.key = key
        self._pseudonyms: dict[tuple[str, str], str] = {}
        if key and Path(key).exists():
            self._pseudonyms = _read(key)
        self._taken = set(self._pseudonyms.values())

    def images(self, names: Iterable[str]) -> list[str]:
        """Return how images are called."""
        return [self._shown(IMAGE, str(name)) for name in names]

    def patients(self, names: Iterable[str]) -> list[str]:
        """Return how patients are called."""
        return [self._shown(PATIENT, str(name)) for name in names]

    def readers(self, texts: Iterable[str], names: Iterable[str]) -> list[str]:
        """Return texts with the readers in them as they are called.

        Parameters
        ----------
        texts: a reader, two readers such as "Ann & Bob", or anything else, which stays.
        names: of all readers.
        """
        known = {str(name) for name in names if name}
        return [self._reading(str(text), known) for text in texts]

    def _reading(self, text: str, known: set[str]) -> str:
        if text in known:
            return self._shown(READER, text)
        parts = text.split(AND)
        return AND.join(self._shown(READER, part) for part in parts) if known >= {*parts} else text

    def paths(self, text: str) -> str:
        """Return a text with the paths in it as the report may show them.

        Paths in the workflow and in the folder of the run are relative. Where names are replaced
        by pseudonyms, only the last part of others is left.
        """
        for folder in {ROOT, Path.cwd()}:
            text = text.replace(f"{folder}/", "")
        return text if self.key is None else FOLDERS.sub("…/", text)

    def _shown(self, kind: str, name: str) -> str:
        if self.key is None:
            return name
        if (kind, name) not in self._pseudonyms:
            self._pseudonyms[kind, name] = self._fresh(kind)
        return self._pseudonyms[kind, name]

    def _fresh(self, kind: str) -> str:
        """Draw a pseudonym that nobody has."""
        while (drawn := f"{kind}-{secrets.token_hex(4)}") in self._taken:
            pass
        self._taken.add(drawn)
        return drawn

    def save(self) -> None:
        """Write the key, if there is one. A report is written after it, never before."""
        if self.key is not None:
            rows = [(kind, shown, name) for (kind, name), shown in self._pseudonyms.items()]
            write_csv(pd.DataFrame(rows, columns=COLUMNS), self.key)


def _read(key: str | Path) -> dict[tuple[str, str], str]:
    """Return the pseudonyms of a key by kind and name."""
    try:
        table = pd.read_csv(key, dtype=str, keep_default_na=False, lineterminator="\n")
    except ValueError:  # such as an empty file
        table = pd.DataFrame()
    if list(table) != COLUMNS or table["pseudonym"].duplicated().any():
        raise UserError(
            f"{key} is not the key of a report, or was changed: put back the file as it was "
            "written, or move it away for new pseudonyms."
        )
    names = table["name"].map(unescaped)
    return dict(zip(zip(table["kind"], names, strict=True), table["pseudonym"], strict=True))


def about(names: Names, pictures: bool) -> Iterator[str]:
    """Say what a reader must know who passes on pictures, or names."""
    if pictures:
        yield BURNED_IN
    if names.key is not None:
        yield (
            "Images, patients and readers have pseudonyms here. Which is which stands in the file "
            f"{names.paths(str(names.key))}, which stays with you."
        )
