"""Tables that need no memory: rows go to a temporary database on disk and come back in frames.

SQLite keeps it in the folder that the environment variable TMPDIR names, else in /var/tmp, in a
file without a name that the system removes with the process.
"""

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

import pandas as pd

from cxrnoise.core.errors import UserError

ROWS = 2**14  # of a frame
FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)


class Tables:
    """A database, which lives as long as it, or a query of it, is in use.

    Raises `UserError` when the folder for temporary files has no room.
    """

    def __init__(self):
        self._database = sqlite3.connect("")  # SQLite's name for a file that nobody else sees
        self._database.execute("PRAGMA journal_mode = OFF")

    def run(self, statement: str, *values: object) -> sqlite3.Cursor:
        """Run a statement of SQL with these values for its question marks."""
        with _room():
            return self._database.execute(statement, values)

    def insert(self, table: str, columns: Collection[str], rows: Iterable[tuple]) -> None:
        """Make a table of these rows; values are str, int, float or bool."""
        self.run(f"CREATE TABLE {table} ({quoted(columns)})")
        places = ", ".join("?" * len(columns))
        with _room():
            self._database.executemany(f"INSERT INTO {table} VALUES ({places})", rows)

    def select(self, query: str, *values: object) -> "Query":
        """Return what a query finds, as frames of at most `ROWS` rows."""
        return Query(self, query, values)


class Query:
    """The frames of a query, at least one; each iteration asks anew."""

    def __init__(self, tables: Tables, query: str, values: tuple):
        self._tables, self._query, self._values = tables, query, values

    def __iter__(self) -> Iterator[pd.DataFrame]:
        cursor = self._tables.run(self._query, *self._values)
        columns = [name for name, *_ in cursor.description]
        with _room():
            rows = cursor.fetchmany(ROWS)
        while True:
            yield pd.DataFrame(rows, columns=columns)
            with _room():
                rows = cursor.fetchmany(ROWS)
            if not rows:
                return

    def column(self, name: str) -> Iterator:
        """Yield the values of a column."""
        return (value for frame in self for value in frame[name])

    def whole(self) -> pd.DataFrame:
        """Return all rows as one frame."""
        return pd.concat(self, ignore_index=True)


class Names(Collection):
    """A set of strings on disk, in their order."""

    def __init__(self, names: Iterable[str]):
        self._tables = Tables()
        self._tables.insert("names", ["name"], ((name,) for name in names))
        self._tables.run("CREATE TABLE each (name PRIMARY KEY) WITHOUT ROWID")
        self._tables.run("INSERT INTO each SELECT DISTINCT name FROM names ORDER BY name")

    def __contains__(self, name: object) -> bool:
        found = self._tables.run("SELECT 1 FROM each WHERE name = ?", name)
        return found.fetchone() is not None

    def __iter__(self) -> Iterator[str]:
        return self._tables.select("SELECT name FROM each ORDER BY name").column("name")

    def __len__(self) -> int:
        return self._tables.run("SELECT count(*) FROM each").fetchone()[0]


def quoted(columns: Iterable[str]) -> str:
    """Return the names of columns as SQL has them."""
    return ", ".join(f'"{name}"' for name in columns)


def rows(frames: Iterable[pd.DataFrame], columns: Collection[str]) -> Iterator[tuple]:
    """Yield the rows of frames one by one."""
    for frame in frames:
        yield from zip(*(frame[name].tolist() for name in columns), strict=True)


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in FULL:
            raise
        raise UserError(
            f"The folder for temporary files {os.environ.get('TMPDIR', '/var/tmp')} could not take "
            f"a table ({error}): free some space or set TMPDIR to another folder, then run the "
            "same command again."
        ) from error
