"""The readings of a study in SQLite: whole and on disk before anybody is told that they are saved.

The database is in WAL mode with synchronous=FULL, and the answers to all findings of a case are one
transaction: once `save` has returned, neither a killed server nor a power cut loses them. A
corrected answer does not replace the one before; the newest counts and the others are its history.

Version 1 of the database held studies of one finding. It becomes version 2 when it is opened, in
one transaction: whole, or not at all.
"""

import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from cxrnoise.core.errors import UserError
from cxrnoise.core.names import slug
from cxrnoise.reading.answers import Asked, Reading, name_problem, now

from . import secrecy

FILE = "readings.sqlite"
VERSION = 2
_STUDY = """
CREATE TABLE study (id TEXT NOT NULL, admin_hash TEXT);
CREATE TABLE readers (
    name TEXT PRIMARY KEY,
    token_hash TEXT,
    invited_at TEXT NOT NULL
)
"""
# `finding` is its slug. `parts` has the cases of readers who do not read all of them.
_ANSWERS = """
CREATE TABLE answers (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    submission TEXT NOT NULL,
    reader TEXT NOT NULL REFERENCES readers (name),
    "case" TEXT NOT NULL,
    finding TEXT NOT NULL,
    answer TEXT NOT NULL,
    confidence INTEGER NOT NULL,
    other_finding TEXT NOT NULL,
    comment TEXT NOT NULL,
    seconds REAL NOT NULL,
    answered_at TEXT NOT NULL,
    UNIQUE (submission, finding)
);
CREATE INDEX answers_of_a_case ON answers (reader, "case", finding, number);
CREATE VIEW newest AS SELECT * FROM answers WHERE number IN (
    SELECT max(number) FROM answers GROUP BY reader, "case", finding
);
CREATE TABLE parts (
    reader TEXT NOT NULL REFERENCES readers (name),
    "case" TEXT NOT NULL,
    PRIMARY KEY (reader, "case")
)
"""
_FIELDS = (
    'reader, "case", finding, answer, confidence, other_finding, comment, seconds, answered_at'
)
_OLD_FIELDS = _FIELDS.replace("finding, answer", "answer")
_MIGRATION = f"""
DROP VIEW newest;
DROP INDEX answers_of_a_case;
ALTER TABLE answers RENAME TO old_answers;
{_ANSWERS};
INSERT INTO answers (number, submission, finding, {_OLD_FIELDS})
    SELECT number, submission, :finding, {_OLD_FIELDS} FROM old_answers;
DROP TABLE old_answers
"""


class Store:
    """The database of one study in one folder; any thread may call any method."""

    def __init__(self, room: str | Path, study: str, asked: Asked):
        """Open or make the database, or bring one of version 1 to the newest version.

        Raises `UserError` when it is none, of another study, or of another version.
        """
        self.path = Path(room) / FILE
        self.study = study
        self._findings = {slug(name): name for name in asked.findings}
        self._lock = threading.Lock()
        try:
            self._open()
        except (OSError, sqlite3.DatabaseError) as error:
            raise UserError(
                f"{self.path} could not be opened as a database of readings ({error}): "
                "mend its folder, or choose another one with --room."
            ) from error

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path.touch(mode=0o600)
        self._connection = sqlite3.connect(
            self.path, timeout=10, isolation_level=None, check_same_thread=False
        )
        self._connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        with self._transaction() as database:
            tables = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            if not tables:
                self._make(database)
            self._check(database)
            if self._version(database) == 1:
                self._migrate(database)

    def _make(self, database: sqlite3.Connection) -> None:
        for statement in f"{_STUDY};{_ANSWERS}".split(";"):
            database.execute(statement)
        database.execute("INSERT INTO study VALUES (?, NULL)", [self.study])
        database.execute(f"PRAGMA user_version = {VERSION}")

    def _migrate(self, database: sqlite3.Connection) -> None:
        (finding,) = self._findings  # a study of version 1 has one
        for statement in _MIGRATION.split(";"):
            values = {"finding": finding} if ":finding" in statement else {}
            database.execute(statement, values)
        database.execute(f"PRAGMA user_version = {VERSION}")

    @staticmethod
    def _version(database: sqlite3.Connection) -> int:
        return database.execute("PRAGMA user_version").fetchone()[0]

    def _check(self, database: sqlite3.Connection) -> None:
        version = self._version(database)
        if version not in (1, VERSION):
            raise UserError(
                f"{self.path} has version {version} of the database of readings, but this program "
                f"knows version {VERSION}: use the program that made it, or another --room."
            )
        (theirs,) = database.execute("SELECT id FROM study").fetchone()
        if theirs != self.study:
            raise UserError(
                f"{self.path} holds the readings of another study ({theirs}, not {self.study}): "
                "choose another folder with --room."
            )

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def readers(self) -> list[str]:
        """Return the names of all readers, in the order in which they were invited."""
        return [name for (name,) in self._rows("SELECT name FROM readers ORDER BY rowid")]

    def invite(self, name: str, again: bool = False, cases: Collection[str] | None = None) -> str:
        """Add the reader and return a new token.

        Parameters
        ----------
        again: replace the token of a known reader.
        cases: all that the reader is to read; None for all cases, or as in the invitation before.

        Raises `UserError` when the name is none, or was invited before and `again` is false.
        """
        wrong = name_problem(name)
        if wrong:
            raise UserError(f"The invitation is for {wrong}: choose another name.")
        token = secrecy.token()
        with self._transaction() as database:
            known = database.execute("SELECT token_hash FROM readers WHERE name = ?", [name])
            old = known.fetchone()
            if old and old["token_hash"] and not again:
                raise UserError(
                    f"Reader {name!r} has been invited already: choose another name, or make a "
                    "new link that replaces the first with --again."
                )
            database.execute(
                "INSERT INTO readers VALUES (?, ?, ?) "
                "ON CONFLICT DO UPDATE SET token_hash = excluded.token_hash",
                [name, secrecy.digest(token), now()],
            )
            if cases is not None:
                database.execute("DELETE FROM parts WHERE reader = ?", [name])
                pairs = [(name, case) for case in cases]
                database.executemany("INSERT INTO parts VALUES (?, ?)", pairs)
        return token

    def new_admin(self) -> str:
        """Return a new token for the administrator's page; the one before no longer opens it."""
        token = secrecy.token()
        with self._transaction() as database:
            database.execute("UPDATE study SET admin_hash = ?", [secrecy.digest(token)])
        return token

    def reader_with(self, token: str) -> str | None:
        """Return the reader whose token this is."""
        known = {row["name"]: row["token_hash"] for row in self._rows("SELECT * FROM readers")}
        return secrecy.owner(token, known)

    def is_admin(self, token: str) -> bool:
        """Return whether this is the token of the administrator's page."""
        ((known,),) = self._rows("SELECT admin_hash FROM study")
        return secrecy.owner(token, {"admin": known}) is not None

    def part(self, reader: str) -> set[str] | None:
        """Return the cases of a reader who was invited to some of them, else None."""
        cases = self._rows('SELECT "case" FROM parts WHERE reader = ?', reader)
        return {case for (case,) in cases} or None

    def save(self, submission: str, readings: Iterable[Reading]) -> None:
        """Write the answers to a case to disk, all or none.

        A submission that was saved before is not saved again.
        """
        with self._transaction() as database:
            for reading in readings:
                self._insert(database, submission, reading)

    def _insert(self, database: sqlite3.Connection, submission: str, reading: Reading) -> None:
        values = asdict(reading) | {"finding": slug(reading.finding), "submission": submission}
        del values["study"]
        database.execute(
            f"INSERT INTO answers (submission, {_FIELDS}) VALUES (:submission, :reader, :case, "
            ":finding, :answer, :confidence, :other_finding, :comment, :seconds, :answered_at) "
            "ON CONFLICT (submission, finding) DO NOTHING",
            values,
        )

    def readings(self, reader: str | None = None) -> list[Reading]:
        """Return the newest answer to every case and finding, of one reader or of all."""
        return self._readings("newest", reader)

    def history(self, reader: str | None = None) -> list[Reading]:
        """Return every answer that was ever saved, oldest first."""
        return self._readings("answers", reader)

    def _readings(self, table: str, reader: str | None) -> list[Reading]:
        rows = self._rows(
            f"SELECT {_FIELDS} FROM {table} WHERE ?1 IS NULL OR reader = ?1 ORDER BY number",
            reader,
        )
        return [self._reading(row) for row in rows]

    def _reading(self, row: sqlite3.Row) -> Reading:
        values = dict(row)
        return Reading(study=self.study, **values | {"finding": self._findings[values["finding"]]})

    def add(self, readings: Iterable[Reading], source: str) -> int:
        """Add all readings of a file or, when one contradicts a saved one, none.

        Returns
        -------
        How many were new; those that had been saved already, word for word, are passed over.
        """
        new = 0
        with self._transaction() as database:
            for reading in readings:
                if self._is_known(database, reading, source):
                    continue
                new += 1
                database.execute(
                    "INSERT INTO readers VALUES (?, NULL, ?) ON CONFLICT DO NOTHING",
                    [reading.reader, now()],
                )
                self._insert(database, secrecy.token(), reading)
        return new

    def _is_known(self, database: sqlite3.Connection, reading: Reading, source: str) -> bool:
        row = database.execute(
            f'SELECT {_FIELDS} FROM newest WHERE reader = ? AND "case" = ? AND finding = ?',
            [reading.reader, reading.case, slug(reading.finding)],
        ).fetchone()
        if row is None:
            return False
        if self._reading(row) != reading:
            raise UserError(
                f"{source} has another answer of reader {reading.reader!r} to case {reading.case} "
                f"({reading.finding}) than {self.path}: nothing was imported, so remove that row "
                "and import again."
            )
        return True
