"""The database of readings: nothing that was saved is lost, and no other study's is touched."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from cxrnoise.core.errors import UserError
from cxrnoise.reading.answers import Asked
from reading_studies import ASKED, NIH, STUDY, TIME, reading, write_study
from readingroom import secrecy, study
from readingroom import store as module
from readingroom.store import Store

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"
CASE, OTHER = "aaaaaaaaaaaa", "bbbbbbbbbbbb"


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "room", STUDY, ASKED)
    made.invite("ann")
    return made


def test_what_was_saved_is_there_after_reopening(store):
    store.save("1", [reading(CASE, comment="büllae")])
    store.close()
    assert Store(store.path.parent, STUDY, ASKED).readings() == [reading(CASE, comment="büllae")]


def test_a_killed_process_loses_no_answer_that_it_called_saved(tmp_path):
    script = f"""
import sys
sys.path[:0] = [{str(SCRIPTS)!r}, {str(Path(__file__).parents[1])!r}]
from reading_studies import ASKED, STUDY, reading
from readingroom.store import Store
store = Store({str(tmp_path)!r}, STUDY, ASKED)
store.invite("ann")
for number in range(10_000):
    store.save(str(number), [reading(f"{{number:012x}}")])
    print(number, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    for _ in range(20):
        last = process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    last = [last, *process.stdout.readlines()][-1]
    process.wait()
    saved = {made.case for made in Store(tmp_path, STUDY, ASKED).readings()}
    assert {f"{number:012x}" for number in range(int(last) + 1)} <= saved


def test_a_correction_counts_and_the_first_answer_stays_in_the_history(store):
    first, second = reading(CASE), reading(CASE, answer="absent")
    store.save("1", [first])
    store.save("2", [reading(OTHER)])
    store.save("3", [second])
    assert store.readings("ann") == [reading(OTHER), second]
    assert store.history("ann") == [first, reading(OTHER), second]


def test_a_submission_that_comes_twice_is_saved_once(store):
    store.save("1", [reading(CASE)])
    store.save("2", [reading(CASE, answer="absent")])
    store.save("1", [reading(CASE)])
    assert store.readings() == [reading(CASE, answer="absent")]


def test_each_answer_is_flushed_to_the_disk(store):
    assert store._connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert store._connection.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_an_answer_of_somebody_who_was_not_invited_is_not_saved(store):
    with pytest.raises(sqlite3.IntegrityError):
        store.save("1", [reading(CASE, reader="nobody")])
    assert store.readings() == []


def test_the_database_holds_no_token(store):
    tokens = [store.invite("ben"), store.new_admin()]
    store.close()
    content = b"".join(path.read_bytes() for path in store.path.parent.iterdir())
    for token in tokens:
        assert token.encode() not in content
        assert secrecy.digest(token).encode() in content
    assert os.stat(store.path).st_mode & 0o077 == 0


def test_a_token_opens_for_its_reader_alone(store):
    ben, admin = store.invite("ben"), store.new_admin()
    assert store.reader_with(ben) == "ben"
    assert not store.is_admin(ben)
    assert store.is_admin(admin)
    assert store.reader_with(admin) is None
    assert store.reader_with("") is None
    assert not store.is_admin("")


def test_tokens_are_compared_in_constant_time(monkeypatch):
    compared = []
    monkeypatch.setattr(secrecy.hmac, "compare_digest", lambda *pair: compared.append(pair))
    secrecy.owner("token", {"ann": "1", "ben": "2", "imported": None})
    assert [theirs for _, theirs in compared] == ["1", "2"]


def test_a_name_is_invited_once(store):
    with pytest.raises(UserError, match="'ann' has been invited already: .* --again"):
        store.invite("ann")


def test_a_new_link_replaces_the_old_one(store):
    first = store.invite("ben")
    second = store.invite("ben", again=True)
    assert store.reader_with(first) is None
    assert store.reader_with(second) == "ben"
    old = store.new_admin()
    store.new_admin()
    assert not store.is_admin(old)


@pytest.mark.parametrize("name", ["", " ann", "a\nb", "x" * 61])
def test_a_name_that_is_none_is_not_invited(store, name):
    with pytest.raises(UserError, match="choose another name"):
        store.invite(name)


def test_a_database_of_another_study_is_refused(store):
    store.close()
    with pytest.raises(UserError, match=f"another study \\({STUDY}, not fedcba9876543210\\)"):
        Store(store.path.parent, "fedcba9876543210", ASKED)


# ---- a database from before there were studies of several findings

VERSION_1 = """
CREATE TABLE study (id TEXT NOT NULL, admin_hash TEXT);
CREATE TABLE readers (
    name TEXT PRIMARY KEY,
    token_hash TEXT,
    invited_at TEXT NOT NULL
);
CREATE TABLE answers (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    submission TEXT NOT NULL UNIQUE,
    reader TEXT NOT NULL REFERENCES readers (name),
    "case" TEXT NOT NULL,
    answer TEXT NOT NULL,
    confidence INTEGER NOT NULL,
    other_finding TEXT NOT NULL,
    comment TEXT NOT NULL,
    seconds REAL NOT NULL,
    answered_at TEXT NOT NULL
);
CREATE INDEX answers_of_a_case ON answers (reader, "case", number);
CREATE VIEW newest AS SELECT * FROM answers WHERE number IN (
    SELECT max(number) FROM answers GROUP BY reader, "case"
);
PRAGMA journal_mode = WAL;
PRAGMA user_version = 1;
"""


@pytest.fixture
def old(tmp_path):
    """A database of version 1 with two answers of ann, one of them corrected."""
    with closing(sqlite3.connect(tmp_path / "readings.sqlite")) as database, database:
        database.executescript(VERSION_1)
        database.execute("INSERT INTO study VALUES (?, ?)", [STUDY, secrecy.digest("admin")])
        database.execute("INSERT INTO readers VALUES ('ann', ?, ?)", [secrecy.digest("ann"), TIME])
        for number, (case, answer) in enumerate(OLD_ANSWERS, 1):
            values = [str(number), case, answer, 4, "", "büllae", 12.5, TIME]
            database.execute(
                "INSERT INTO answers (submission, reader, 'case', answer, confidence, "
                "other_finding, comment, seconds, answered_at) "
                "VALUES (?, 'ann', ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
    return tmp_path


OLD_ANSWERS = [(CASE, "present"), (OTHER, "unsure"), (CASE, "absent")]


def of_version(folder):
    with closing(sqlite3.connect(folder / "readings.sqlite")) as database:
        return database.execute("PRAGMA user_version").fetchone()[0]


def test_answers_of_a_database_of_version_1_are_all_there(old):
    store = Store(old, STUDY, ASKED)
    made = [reading(case, answer=answer, comment="büllae") for case, answer in OLD_ANSWERS]
    assert store.history() == made
    assert store.readings("ann") == made[1:]
    assert store.reader_with("ann") == "ann" and store.is_admin("admin")
    assert of_version(old) == 2
    store.save("3", [reading(CASE)])  # was sent again, as its confirmation was lost
    store.save("4", [reading(CASE, answer="unsure")])
    assert len(store.history()) == 4
    store.close()
    assert len(Store(old, STUDY, ASKED).history()) == 4


def test_a_migration_that_fails_leaves_version_1_as_it_was(old, monkeypatch):
    before = (old / "readings.sqlite").read_bytes()
    broken = module._MIGRATION.replace("DROP TABLE old_answers", "DROP TABLE missing")
    monkeypatch.setattr(module, "_MIGRATION", broken)
    with pytest.raises(UserError, match="no such table: missing"):
        Store(old, STUDY, ASKED)
    monkeypatch.undo()
    assert of_version(old) == 1
    assert (old / "readings.sqlite").read_bytes() == before
    assert len(Store(old, STUDY, ASKED).history()) == 3


def test_a_database_of_version_1_of_another_study_is_left_alone(old):
    with pytest.raises(UserError, match="another study"):
        Store(old, "fedcba9876543210", ASKED)
    assert of_version(old) == 1


# ---- several findings


def of_all(case, answer="absent", **values):
    return [reading(case, finding=name, answer=answer, confidence=0, **values) for name in NIH]


@pytest.fixture
def several(tmp_path):
    made = Store(tmp_path / "room", STUDY, Asked(NIH))
    made.invite("ann")
    return made


def test_all_findings_of_a_case_are_saved_together_and_once(several):
    several.save("1", of_all(CASE))
    several.save("1", of_all(CASE, "present"))
    assert several.readings() == of_all(CASE)
    several.save("2", of_all(CASE, "present"))
    assert several.readings() == of_all(CASE, "present")
    assert several.history() == of_all(CASE) + of_all(CASE, "present")


def test_a_case_whose_last_finding_cannot_be_saved_is_not_saved_at_all(several):
    wrong = [*of_all(CASE)[:-1], replace(of_all(CASE)[-1], reader="nobody")]
    with pytest.raises(sqlite3.IntegrityError):
        several.save("1", wrong)
    assert several.history() == []


def test_another_spelling_of_a_finding_opens_the_answers_to_it(several):
    several.save("1", of_all(CASE))
    several.close()
    again = Store(several.path.parent, STUDY, Asked([name.lower() for name in NIH]))
    assert [made.finding for made in again.readings()] == [name.lower() for name in NIH]


# ---- a part of the cases


def test_a_reader_is_invited_to_some_cases_until_they_are_named_anew(store):
    store.invite("ben", cases=[CASE])
    assert (store.part("ben"), store.part("ann")) == ({CASE}, None)
    store.invite("ben", again=True)
    assert store.part("ben") == {CASE}
    store.invite("ben", again=True, cases=[CASE, OTHER])
    assert store.part("ben") == {CASE, OTHER}


def test_a_part_is_random_and_a_larger_one_contains_it(tmp_path):
    cases = write_study(tmp_path / "study", 30, 8)
    loaded = study.load(tmp_path / "study")
    assert len(loaded.part(0.3)) == 9 and set(loaded.part(0.3)) < set(loaded.part(0.5))
    assert sorted(loaded.part(1)) == sorted(cases)
    assert loaded.part(0.3) != sorted(cases)[:9]
    assert len(loaded.part(0.01)) == 1


def test_a_database_of_a_later_version_is_refused(store):
    store._connection.execute("PRAGMA user_version = 3")
    store.close()
    with pytest.raises(UserError, match="has version 3 of the database .* knows version 2"):
        Store(store.path.parent, STUDY, ASKED)


def test_another_program_s_database_is_refused_and_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "readings.sqlite") as database:
        database.execute("CREATE TABLE notes (text)")
    with pytest.raises(UserError, match="has version 0"):
        Store(tmp_path, STUDY, ASKED)
    with sqlite3.connect(tmp_path / "readings.sqlite") as database:
        tables = database.execute("SELECT name FROM sqlite_schema").fetchall()
    assert tables == [("notes",)]


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "readings.sqlite").write_text("not a database " * 100)
    with pytest.raises(UserError, match="could not be opened as a database"):
        Store(tmp_path, STUDY, ASKED)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="mend its folder"):
        Store(tmp_path / "file" / "room", STUDY, ASKED)


def test_imported_readings_are_added_once(store):
    made = [reading(CASE, reader="eva"), reading(OTHER, reader="eva")]
    assert store.add(made, "file.csv") == 2
    assert store.add(made, "file.csv") == 0
    assert store.readings("eva") == made
    assert store.reader_with(store.invite("eva")) == "eva"


def test_an_import_that_contradicts_a_saved_answer_adds_nothing(store):
    store.save("1", [reading(CASE)])
    made = [reading(OTHER), reading(CASE, answer="absent")]
    with pytest.raises(UserError, match=f"another answer of reader 'ann' to case {CASE}"):
        store.add(made, "file.csv")
    assert store.readings() == [reading(CASE)]


def test_each_reader_has_an_order_of_their_own_that_stays(tmp_path):
    cases = write_study(tmp_path / "study", 30, 8)
    loaded = study.load(tmp_path / "study")
    orders = [loaded.order(reader) for reader in ("ann", "ben")]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(cases)
    assert orders[0] != orders[1] != cases
    assert study.load(tmp_path / "study").order("ann") == orders[0]


def test_the_order_of_the_file_does_not_matter(tmp_path):
    write_study(tmp_path / "study", 10, 8)
    before = study.load(tmp_path / "study").order("ann")
    path = tmp_path / "study" / "study.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"cases": content["cases"][::-1]}))
    assert study.load(tmp_path / "study").order("ann") == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"study": "../etc"}, "study is not 16 hex digits"),
        ({"cases": []}, "it has no cases"),
        ({"cases": ["../../secret"]}, "the case '../../secret' is not c and 12 hex digits"),
        ({"cases": [CASE, CASE]}, "a case is listed twice"),
        ({"findings": []}, "findings is no list of names"),
        ({"classes": ["AP", 1]}, "classes is no list of names"),
        ({"finding": 7}, "finding is missing or of another type"),
        ({"seed": "0"}, "seed is missing or of another type"),
        ({"cases": [CASE]}, f"{CASE}.png is missing"),
    ],
)
def test_a_study_that_is_none_is_refused(tmp_path, change, message):
    write_study(tmp_path, 2, 8)
    path = tmp_path / "study.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError) as caught:
        study.load(tmp_path)
    assert message in str(caught.value)


@pytest.mark.parametrize(("content", "message"), [("[]", "no JSON object"), ("{", "is damaged")])
def test_a_damaged_study_is_refused(tmp_path, content, message):
    (tmp_path / "study.json").write_text(content)
    with pytest.raises(UserError, match=message):
        study.load(tmp_path)


def test_a_folder_without_a_study_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no reading study"):
        study.load(tmp_path)
