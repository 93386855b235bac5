"""Whatever the server does, a file has the right bytes or not its final name."""

import csv
import fcntl
import gzip
import hashlib
import io
import logging
import os
import re
import shutil
import ssl
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import loopback
from cxrnoise.core.errors import UserError
from cxrnoise.datasets import downloads

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "config/chestxray14-files.csv"
CONTENT = bytes(range(256)) * 40
NAME = "images_01.tar.gz"


def sha256(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture(scope="module")
def served():
    with pytest.MonkeyPatch.context() as patch, loopback.serving() as server:
        patch.setenv("no_proxy", "127.0.0.1")
        server.files[NAME] = CONTENT
        yield server


@pytest.fixture
def server(served, monkeypatch):
    served.faults, served.asked = [], []
    monkeypatch.setattr(downloads, "_TIMEOUT", (5, 0.2))
    return served


@pytest.fixture
def target(tmp_path):
    return tmp_path / "images" / NAME


SIZE, CHECKSUM = len(CONTENT), sha256(CONTENT)


def row(server, size=SIZE, checksums=(CHECKSUM,)):
    return downloads.File(downloads.ARCHIVE, NAME, server.url(NAME), size, checksums)


def fetch(server, path, **options):
    """Fetch, and return the pauses that were made."""
    pauses = []
    assert downloads.fetch(row(server, **options), path, pauses.append) == CHECKSUM
    assert path.read_bytes() == CONTENT
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    return pauses


def refusal(server, path, **options):
    """Return the sentence with which a fetch fails."""
    with pytest.raises(UserError) as error:
        downloads.fetch(row(server, **options), path, lambda seconds: None)
    assert not path.exists()
    text = str(error.value)
    assert "\n" not in text and text.endswith(".")
    return text


def leave_part(path, content):
    path.parent.mkdir(exist_ok=True)
    path.with_name(f"{NAME}.part").write_bytes(content)


# A table


def test_the_table_has_all_of_chestxray14_and_resnet50_with_a_checksum_each():
    files = downloads.read(TABLE)
    kinds = [file.kind for file in files.values()]
    assert [name for name in files if files[name].kind == downloads.ARCHIVE] == [
        f"images_{number:02d}.tar.gz" for number in range(1, 13)
    ]
    assert kinds.count(downloads.METADATA) == 1
    assert kinds.count(downloads.SPLIT_LIST) == 2
    assert "resnet50-imagenet.h5" in files
    assert all(file.url.startswith("https://") for file in files.values())
    assert len({file.url for file in files.values()}) == len(files)
    for line in csv.DictReader(TABLE.read_text().splitlines()):
        for checksum in line["checksum"].split():
            algorithm, digits = checksum.split(":")
            assert re.fullmatch("[0-9a-f]+", digits)
            assert len(digits) == len(hashlib.new(algorithm).hexdigest())


def test_the_archives_are_as_many_bytes_as_the_documentation_says():
    files = downloads.read(TABLE).values()
    total = sum(file.bytes for file in files if file.kind != downloads.WEIGHTS)
    assert f"{total:,} bytes" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_metadata_s_checksum_is_that_of_the_real_rows(nih):
    [real] = nih.glob("Data_Entry_2017*.csv*")
    [file] = [file for file in downloads.read(TABLE).values() if file.kind == downloads.METADATA]
    assert downloads.verify(real, file.checksums) in file.checksums


GOOD = "kind,file,url,bytes,checksum\narchive,a.tar.gz,https://a/b,12,md5:" + "0" * 32 + "\n"


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("kind,file", "sort,file", ["columns kind, file"]),
        ("archive,a", "film,a", ["line 2", "'film'", "archive, metadata"]),
        ("a.tar.gz", "../a.tar.gz", ["line 2", "without a folder"]),
        ("https://a/b", "ftp://a/b", ["line 2", "'ftp://a/b'"]),
        (",12,", ",many,", ["line 2", "'many'"]),
        ("md5:0", "md5:", ["line 2", "32 hex digits"]),
        ("md5:0", "crc:0", ["line 2", "32 hex digits"]),
        ("md5:0", "md5:g", ["line 2", "32 hex digits"]),
        (
            "\narchive",
            "\narchive,a.tar.gz,https://c,,md5:" + "1" * 32 + "\narchive",
            ["a.tar.gz twice"],
        ),
    ],
)
def test_a_mistake_in_a_table_is_one_sentence(tmp_path, old, new, parts):
    table = tmp_path / "mirror.csv"
    table.write_text(GOOD)
    assert downloads.read(table)["a.tar.gz"].bytes == 12
    assert old in GOOD
    table.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(UserError) as error:
        downloads.read(table)
    assert all(part in str(error.value) for part in ["mirror.csv", *parts])


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="nowhere.csv cannot be read"):
        downloads.read(tmp_path / "nowhere.csv")


# Fetching


@pytest.mark.parametrize(
    ("faults", "pauses"),
    [
        ([], []),
        ([loopback.moved], []),
        ([loopback.chunked], []),
        ([loopback.broken, loopback.broken], [1, 2]),
        ([loopback.busy], [7]),
        ([loopback.impatient, loopback.senseless, loopback.impatient], [1, 2, 4]),
        ([loopback.odd_length], [1]),
        ([loopback.hung_up], [1]),
        ([loopback.cut_off], [1]),
        ([loopback.stalled], [1]),
        ([loopback.without_length], [1]),
        ([loopback.cut_off, loopback.without_ranges], [1]),
        ([loopback.cut_off, loopback.another_range], [1, 2]),
        ([loopback.broken, loopback.cut_off, loopback.cut_off, loopback.broken], [1, 1, 1, 2]),
    ],
)
def test_a_fault_that_passes_ends_in_the_right_file(server, target, faults, pauses):
    server.faults = faults.copy()
    assert fetch(server, target) == pauses


@pytest.mark.parametrize("fault", [loopback.cut_off, loopback.stalled])
def test_a_broken_download_goes_on_with_the_missing_bytes(server, target, fault):
    server.faults = [fault]
    fetch(server, target)
    assert server.asked == [(NAME, None), (NAME, f"bytes={SIZE // 2}-")]


def test_every_attempt_begins_at_the_address_of_the_table(server, target):
    server.faults = [loopback.moved, loopback.cut_off, loopback.moved]
    fetch(server, target)
    half = f"bytes={SIZE // 2}-"
    assert server.asked == [(NAME, None), (NAME, None), (NAME, half), (NAME, half)]


@pytest.mark.parametrize("size", [SIZE, None])
def test_the_part_of_an_earlier_call_is_kept(server, target, size):
    leave_part(target, CONTENT[:1000])
    fetch(server, target, size=size)
    assert server.asked == [(NAME, "bytes=1000-")]


def test_a_server_that_ignores_the_range_is_said_and_starts_over(server, target, caplog):
    leave_part(target, CONTENT[:1000])
    server.faults = [loopback.without_ranges]
    with caplog.at_level(logging.INFO):
        fetch(server, target)
    assert "cannot send a part of the file: starting over" in caplog.text


@pytest.mark.parametrize(("size", "asked"), [(SIZE, 0), (None, 1)])
def test_a_part_that_is_the_whole_file_is_only_checked(server, target, size, asked):
    leave_part(target, CONTENT)
    fetch(server, target, size=size)
    assert len(server.asked) == asked


def test_a_file_that_is_there_is_checked_and_not_fetched(server, target):
    target.parent.mkdir()
    target.write_bytes(CONTENT)
    fetch(server, target)
    target.write_bytes(b"mine")
    with pytest.raises(UserError) as error:
        downloads.fetch(row(server), target)
    assert sha256(b"mine") in str(error.value) and CHECKSUM in str(error.value)
    assert target.read_bytes() == b"mine"
    assert server.asked == []


@pytest.mark.parametrize("part", [b"", CONTENT[:-1] + b"?", CONTENT + b"more"])
def test_wrong_bytes_are_kept_aside_with_both_checksums_and_got_anew(server, target, part):
    leave_part(target, part)
    server.faults = [] if part else [loopback.wrong_bytes]
    wrong = part or bytes(byte ^ 1 for byte in CONTENT)
    text = refusal(server, target)
    assert f"expected {CHECKSUM}, found {sha256(wrong)}" in text
    assert f"kept as {target}.wrong" in text
    assert Path(f"{target}.wrong").read_bytes() == wrong
    Path(f"{target}.wrong").unlink()
    fetch(server, target)


def test_one_of_several_checksums_is_enough(server, target):
    md5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"
    file = row(server, checksums=(sha256(b"another release"), md5))
    assert downloads.fetch(file, target) == md5
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (loopback.absent, "HTTP 404 Not Found"),
        (loopback.forbidden, "HTTP 403 Forbidden"),
        (loopback.lost, "Invalid IPv6 URL"),
        (loopback.web_page, "the server sent a web page in its place"),
        (loopback.loud_page, "the server sent a web page in its place"),
        (loopback.beyond, "the server's file ends before byte 1,000"),
        (loopback.disguised_page, "the server's file ends before byte 1,000"),
    ],
)
def test_what_does_not_pass_fails_at_once_and_keeps_the_part(server, target, fault, said):
    leave_part(target, CONTENT[:1000])
    server.faults = [fault]
    text = refusal(server, target)
    assert f"{NAME} could not be fetched from {server.url(NAME)} ({said})" in text
    assert len(server.asked) == 1
    assert Path(f"{target}.part").read_bytes() == CONTENT[:1000]


def test_a_web_page_in_disguise_is_called_one(server, target):
    server.faults = [loopback.disguised_page]
    assert "is a web page and not the file of the table" in refusal(server, target)


def test_a_server_that_stays_away_is_named_after_some_minutes(server, target):
    pauses = []
    server.faults = [loopback.cut_off]
    with loopback.serving() as other:
        other.files[NAME] = CONTENT
        other.faults = [loopback.cut_off]
        file = row(other)

        def pause(seconds):
            pauses.append(seconds)
            if len(pauses) == 1:
                other.server_close()

        with pytest.raises(UserError, match=r"\(Connection refused\).*goes on after 5,120 bytes"):
            downloads.fetch(file, target, pause)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert Path(f"{target}.part").read_bytes() == CONTENT[: SIZE // 2]


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl to make a certificate")
def test_a_certificate_that_nobody_signed_fails_at_once(target, tmp_path, monkeypatch):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    monkeypatch.setenv("no_proxy", "localhost")
    with loopback.serving() as other:
        other.files[NAME] = CONTENT
        other.socket = context.wrap_socket(other.socket, server_side=True)
        file = replace(row(other), url=f"https://localhost:{other.server_port}/{NAME}")
        with pytest.raises(UserError, match="certificate verify failed.*REQUESTS_CA_BUNDLE"):
            downloads.fetch(file, target, lambda seconds: pytest.fail("it waits"))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        assert downloads.fetch(file, target) == CHECKSUM


def test_an_address_that_is_none_fails_at_once(target):
    file = downloads.File(downloads.ARCHIVE, NAME, "https://", None, (sha256(b""),))
    with pytest.raises(UserError, match="could not be fetched"):
        downloads.fetch(file, target)
    assert list(target.parent.iterdir()) == []


def test_two_processes_do_not_fetch_the_same_file(server, target):
    leave_part(target, b"")
    with Path(f"{target}.part").open("rb") as part:
        fcntl.flock(part, fcntl.LOCK_EX)
        assert "another process is downloading" in refusal(server, target)
    assert server.asked == []


def test_a_full_disk_is_one_sentence_and_keeps_what_fits(server, target, full_disk):
    with full_disk(6000):
        text = refusal(server, target)
    assert f"{target} could not be written (File too large): free some space" in text
    assert CONTENT.startswith(Path(f"{target}.part").read_bytes())
    fetch(server, target)


def test_a_folder_that_cannot_be_made_is_one_sentence(server, tmp_path):
    (tmp_path / "file").touch()
    text = refusal(server, tmp_path / "file" / NAME)
    assert "could not be written (File exists)" in text


@given(
    faults=st.lists(st.sampled_from(loopback.FAULTS), max_size=8),
    size=st.sampled_from([None, SIZE]),
    part=st.sampled_from([b"", CONTENT[:100], b"junk" * 5000, CONTENT]),
)
def test_whatever_the_server_does_no_wrong_file_gets_the_name(served, tmp_path_factory, **drawn):
    target = tmp_path_factory.mktemp("drawn") / NAME
    file = row(served, size=drawn["size"])
    leave_part(target, drawn["part"])
    served.faults = drawn["faults"].copy()
    for _ in range(12):
        try:
            downloads.fetch(file, target, lambda seconds: None)
        except UserError as error:
            assert not target.exists(), error
            continue
        assert target.read_bytes() == CONTENT
        assert not Path(f"{target}.part").exists()
        break
    else:
        pytest.fail("an honest server was of no use")


# Verifying


def test_the_content_of_a_gzipped_csv_is_verified(tmp_path):
    path = tmp_path / "metadata.csv.gz"
    path.write_bytes(gzip.compress(CONTENT))
    assert downloads.verify(path, [CHECKSUM]) == CHECKSUM
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match="metadata.csv.gz cannot be read"):
        downloads.verify(path, [CHECKSUM])


# Whose folder


def test_a_folder_with_a_file_in_it_is_its_owner_s(tmp_path):
    folder = tmp_path / "data"
    assert downloads.ours(folder)
    (folder / "images").mkdir(parents=True)
    assert downloads.ours(folder)
    (folder / "images" / "00000001_000.png").touch()
    assert not downloads.ours(folder) and not downloads.ours(folder / "images")
    with pytest.raises(UserError, match="does not write into it"):
        downloads.claim(folder / "images", TABLE)
    assert [path.name for path in (folder / "images").iterdir()] == ["00000001_000.png"]


def test_a_claimed_folder_stays_ours_until_the_marker_is_removed(tmp_path):
    folder = tmp_path / "data" / "images"
    downloads.claim(folder, TABLE)
    (folder / NAME).touch()
    downloads.claim(folder, TABLE)
    assert downloads.ours(folder) and downloads.ours(folder.parent)
    assert TABLE.name in (folder / downloads.MARKER).read_text()
    (folder / downloads.MARKER).unlink()
    assert not downloads.ours(folder)


def test_another_job_may_claim_the_folder_at_the_same_moment(tmp_path, monkeypatch):
    scandir = os.scandir

    def claimed_meanwhile(folder):
        Path(folder, downloads.MARKER).touch()
        return scandir(folder)

    monkeypatch.setattr("os.scandir", claimed_meanwhile)
    downloads.claim(tmp_path, TABLE)


def test_a_file_where_a_folder_should_be_is_its_owner_s(tmp_path):
    (tmp_path / "images").touch()
    assert not downloads.ours(tmp_path / "images")


# Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_a_bar_that_fits_and_is_wiped_off(server, target, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(downloads._Progress, "_BAR", 0)
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((60, 20)))
    monkeypatch.setattr(downloads, "_CHUNK", 1024)
    fetch(server, target)
    drawn = terminal.getvalue().split("\r\033[K")
    assert f"{NAME} [##########----------] 50 % of 10 kB" in "".join(drawn)
    assert max(map(len, drawn)) < 60
    assert drawn[-1] == ""


def test_a_log_has_a_line_from_time_to_time(server, target, monkeypatch, caplog):
    monkeypatch.setattr(downloads._Progress, "_LINE", 0)
    monkeypatch.setattr(downloads, "_CHUNK", 5120)
    with caplog.at_level(logging.INFO):
        fetch(server, target)
    assert f"{NAME}: 50 % of 10 kB" in caplog.text
    assert f"{NAME}: 10,240 bytes are here: checking them" in caplog.text
