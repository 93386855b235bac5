"""Names of images and patients as a report may show them."""

import secrets
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from cxrnoise.report.pages import write_csv

COLUMNS = ["kind", "pseudonym", "name"]
IMAGE, PATIENT = "image", "patient"


class Names:
    """The names of images and patients, or pseudonyms in their place.

    Pseudonyms are drawn by chance and kept in a key, so that nobody can work them out from a list
    of names, and a later report has the same ones.

    Parameters
    ----------
    key: the CSV file with the pseudonyms (`COLUMNS`), which need not exist; None for plain names.
    """

    def __init__(self, key: str | Path | None = None):
        self.key = key
        self._pseudonyms: dict[tuple[str, str], str] = {}
        if key and Path(key).exists():
            table = pd.read_csv(key, dtype=str, keep_default_na=False)
            self._pseudonyms = {(row.kind, row.name): row.pseudonym for row in table.itertuples()}

    def images(self, names: Iterable[str]) -> list[str]:
        """Return how images are called."""
        return [self._shown(IMAGE, str(name)) for name in names]

    def patients(self, names: Iterable[str]) -> list[str]:
        """Return how patients are called."""
        return [self._shown(PATIENT, str(name)) for name in names]

    def _shown(self, kind: str, name: str) -> str:
        if self.key is None:
            return name
        fresh = f"{kind}-{secrets.token_hex(4)}"
        return self._pseudonyms.setdefault((kind, name), fresh)

    def save(self) -> None:
        """Write the key, if there is one."""
        if self.key is not None:
            rows = [(kind, shown, name) for (kind, name), shown in self._pseudonyms.items()]
            write_csv(pd.DataFrame(rows, columns=COLUMNS), self.key)
