"""Files of ChestXRay14 and ImageNet weights: fetched whole, resumed where they stopped, checked.

A table (`config/chestxray14-files.csv`) says what there is, where, and with which checksum. A file
grows as `NAME.part` beside its final name, which it gets when its checksum is right. (pooch and
Snakemake's HTTP storage begin a broken download anew; ChestXRay14 has archives of 4 GB.)
"""

import csv
import gzip
import hashlib
import http.client
import logging
import os
import re
import shutil
import ssl
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import requests
import urllib3

from cxrnoise.core.errors import UserError
from cxrnoise.core.files import locked, unwritable

log = logging.getLogger(__name__)

ARCHIVE, METADATA, SPLIT_LIST, WEIGHTS = KINDS = ("archive", "metadata", "split list", "weights")
COLUMNS = ("kind", "file", "url", "bytes", "checksum")
DIGITS = {"md5": 32, "sha256": 64}

MARKER = "DOWNLOADED.txt"
_MARKER_TEXT = """\
`snakemake download` of cxrnoise puts files into this folder, those that {table} lists.
Remove this file, and it will never write here again.
"""

_CHUNK = 1 << 18  # bytes
_TIMEOUT = (20, 60)  # seconds to connect, and between two chunks
_ATTEMPTS = 9  # in a row without a new byte: over three minutes of waiting
_LONGEST_PAUSE = 60  # seconds
_LONGEST_ASKED = 3600  # seconds that a server may ask for
_PASSING = (408, 425, 429, 500, 502, 503, 504)  # statuses that another attempt may mend
_BROKEN = (  # connections that another attempt may mend
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    urllib3.exceptions.HTTPError,
)


@dataclass(frozen=True)
class File:
    """A row of the table; `bytes` is None where the size is unknown.

    `checksums` are `md5:…` or `sha256:…`, one for each release of the file that is accepted.
    """

    kind: str
    name: str
    url: str
    bytes: int | None
    checksums: tuple[str, ...]


def read(path: str | Path) -> dict[str, File]:
    """Return the files of a table by their names.

    Raises `UserError` when the table cannot be read, or a row has no known kind or checksum.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            if not set(COLUMNS) <= set(table.fieldnames or ()):
                raise UserError(
                    f"The table of downloads {path} must have the columns {', '.join(COLUMNS)}."
                )
            rows = [_row(path, table.line_num, row) for row in table]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"The table of downloads {path} cannot be read ({error}): set `downloads` to nih or "
            "to a CSV file."
        ) from error
    files = {row.name: row for row in rows}
    if len(files) < len(rows):
        [(name, _)] = Counter(row.name for row in rows).most_common(1)
        raise UserError(f"The table of downloads {path} names {name} twice: keep one row of it.")
    return files


def places(files: Iterable[File], images: str | Path, metadata: str | Path) -> dict[str, Path]:
    """Return where the files of ChestXRay14 belong, by name; the lists lie beside the metadata."""
    beside = Path(metadata).parent
    return {
        file.name: (Path(images) if file.kind == ARCHIVE else beside) / file.name
        for file in files
        if file.kind != WEIGHTS
    }


def there(path: str | Path) -> Path | None:
    """Return the path of the file, or of it gzipped, whichever is there."""
    return next((Path(it) for it in (path, f"{path}.gz") if os.path.isfile(it)), None)


def ours(folder: str | Path) -> bool:
    """Whether `download` may write into a folder: it made the folder, or there is no file in it."""
    if not os.path.lexists(folder):
        return True
    try:
        with os.scandir(folder) as entries:
            empty = all(entry.is_dir() and ours(entry.path) for entry in entries)
    except OSError:
        return False
    return empty or os.path.exists(Path(folder, MARKER))  # another job may have just put it there


def claim(folder: str | Path, table: str | Path) -> None:
    """Make a folder for the files of `table`, and mark it as made by `download`.

    Raises `UserError` when it holds a user's files, or cannot be written.
    """
    folder = Path(folder)
    if not ours(folder):
        raise UserError(
            f"{folder} holds files that `download` did not put there, so it does not write into "
            "it: set `images` and `metadata` to new folders."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), open(folder / MARKER, "x", encoding="utf-8") as marker:
            marker.write(_MARKER_TEXT.format(table=Path(table).name))
    except OSError as error:
        raise unwritable(folder, error.errno) from error


def fetch(file: File, path: str | Path, pause: Callable[[float], None] = time.sleep) -> str:
    """Download a file to `path`; an interrupted download resumes.

    A file that is already there is only checked. After a lost connection or from a busy server the
    download is tried again, after 1, 2, 4, … seconds or longer if the server asks for it.

    Parameters
    ----------
    pause: waits for a number of seconds.

    Returns
    -------
    the file's checksum.

    Raises `UserError` when the file cannot be fetched (the part stays), has the wrong checksum (it
    is kept as `NAME.wrong`), is being fetched by another process, or cannot be written.
    """
    path = Path(path)
    if path.exists():
        log.info("%s is there already: checking it", path)
        return verify(path, file.checksums)
    try:
        with locked(_beside(path, ".part"), _busy) as part:
            try:
                _complete(file, part, pause)
                return _finish(file, part, path)
            finally:
                if not part.tell():
                    _beside(path, ".part").unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error.errno) from error


def verify(path: str | Path, checksums: Sequence[str]) -> str:
    """Return the checksum of a file, of a `.csv.gz` that of its content.

    Parameters
    ----------
    checksums: the right ones, as in `File`.

    Raises `UserError` with both when it is none of them, or when the file cannot be read.
    """
    unpack = str(path).endswith(".csv.gz")
    try:
        with gzip.open(path) if unpack else open(path, "rb") as stream:
            found = _sum(stream, checksums)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be read ({error}): get it again.") from error
    if found not in checksums:
        raise UserError(
            f"{path} is not the file of the table: expected {' or '.join(checksums)}, found "
            f"{found}; move it away or get it again."
        )
    return found


def _busy(part: BinaryIO) -> None:
    raise UserError(
        f"another process is downloading {part.name}: wait for it or stop it, then run the same "
        "command again."
    )


class _Interrupted(Exception):
    """An attempt that failed for a reason that may pass; `pause` is what the server asks for."""

    def __init__(self, reason: object, pause: float = 0):
        super().__init__(reason)
        self.pause = pause


def _row(path: str | Path, line: int, row: dict[str, str]) -> File:
    where = f"The table of downloads {path} has in line {line}"
    if row["kind"] not in KINDS:
        raise UserError(f"{where} the kind {row['kind']!r}: write one of {', '.join(KINDS)}.")
    if not re.fullmatch(r"[\w-][\w.-]*", row["file"] or ""):
        raise UserError(f"{where} the file {row['file']!r}: write a name without a folder.")
    if not re.fullmatch(r"https?://.+", row["url"] or ""):
        raise UserError(
            f"{where} the url {row['url']!r}: write one that begins with https:// or http://."
        )
    if not re.fullmatch(r"\d*", row["bytes"] or ""):
        raise UserError(f"{where} the bytes {row['bytes']!r}: write a whole number or nothing.")
    checksums = tuple((row["checksum"] or "").lower().split())
    if not checksums or not all(_is_checksum(text) for text in checksums):
        raise UserError(
            f"{where} the checksum {row['checksum']!r}: write md5: with 32 hex digits or sha256: "
            "with 64, several with a space between."
        )
    size = int(row["bytes"]) if row["bytes"] else None
    return File(row["kind"], row["file"], row["url"], size, checksums)


def _is_checksum(text: str) -> bool:
    algorithm, _, digits = text.partition(":")
    return bool(re.fullmatch(r"[0-9a-f]+", digits)) and len(digits) == DIGITS.get(algorithm)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _complete(file: File, part: BinaryIO, pause: Callable[[float], None]) -> None:
    """Append to `part` until the server has no more."""
    progress = _Progress(file.name)
    failures, furthest = 0, part.tell()
    if furthest:
        progress.say(f"going on after {furthest:,} bytes")
    while True:
        try:
            _receive(file, part, progress)
            progress.say(f"{part.tell():,} bytes are here: checking them")
            return
        except _Interrupted as error:
            failures = 1 if part.tell() > furthest else failures + 1
            furthest = max(furthest, part.tell())
            if failures == _ATTEMPTS:
                raise UserError(
                    f"{file.name} could not be fetched from {file.url} ({error}): run the same "
                    f"command again when the server can be reached; it goes on after "
                    f"{part.tell():,} bytes."
                ) from error
            seconds = max(error.pause, min(2 ** (failures - 1), _LONGEST_PAUSE))
            progress.say(f"{error}; attempt {failures + 1} in {seconds:.0f} s")
            pause(seconds)
        finally:
            progress.clear()


def _receive(file: File, part: BinaryIO, progress: "_Progress") -> None:
    """Ask once for what `part` lacks, and append it."""
    size = part.tell()
    if size and size == file.bytes:
        return
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={size}-"} if size else {})
    try:
        with requests.get(file.url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            if size and _has_no_more(response, size):
                if size < (file.bytes or 0):
                    raise _refused(file, f"the server's file ends before byte {size:,}")
                return
            end = _begin(file, part, response, progress)
            progress.start(part.tell(), end)
            response.raw.enforce_content_length = False  # told below, in a sentence
            while chunk := response.raw.read1(_CHUNK, decode_content=False):
                part.write(chunk)
                part.flush()  # a kill loses nothing that has arrived
                progress.show(part.tell())
    except _BROKEN as error:
        if isinstance(_innermost(error), ssl.SSLCertVerificationError):
            reason = f"{_reason(error)}; a certificate of your site's can be named in"
            raise _refused(file, f"{reason} REQUESTS_CA_BUNDLE") from error
        raise _Interrupted(_reason(error)) from error
    except (requests.RequestException, ValueError) as error:  # the latter: sent to no address
        raise _refused(file, _reason(error)) from error
    if part.tell() < (end or 0):
        raise _Interrupted(f"the connection ended after {part.tell():,} of {end:,} bytes")


def _has_no_more(response: requests.Response, size: int) -> bool:
    """Whether the server says that its whole file is not longer than what is here."""
    length = response.headers.get("Content-Length", "")
    whole = response.status_code == 200 and not _is_page(response)
    return response.status_code == 416 or (whole and length.isdecimal() and int(length) <= size)


def _begin(
    file: File, part: BinaryIO, response: requests.Response, progress: "_Progress"
) -> int | None:
    """Check the head of an answer; return the length of the whole file where it is known."""
    phrase = http.client.responses.get(response.status_code, "")  # the server's may hold anything
    status = f"HTTP {response.status_code} {phrase}".rstrip()
    if response.status_code in _PASSING:
        raise _Interrupted(status, _retry_after(response))
    if response.status_code not in (200, 206):
        raise _refused(file, status)
    if _is_page(response):
        raise _refused(file, "the server sent a web page in its place")
    length = response.headers.get("Content-Length", "")
    if response.status_code == 206:
        text = response.headers.get("Content-Range", "")
        span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", text)
        if span is None or int(span[1]) != part.tell():
            raise _Interrupted(f"the server sent the part {text!r} and not what was asked for")
        return int(span[2]) if span[2] != "*" else file.bytes
    if part.tell():
        progress.say("the server cannot send a part of the file: starting over")
        part.truncate(0)
        part.seek(0)
    return int(length) if length.isdecimal() else file.bytes


def _finish(file: File, part: BinaryIO, path: Path) -> str:
    """Give a whole part its final name, or put it aside."""
    found = _sum(part, file.checksums)
    if found not in file.checksums:
        part.seek(0)
        page = b"<html" in part.read(1024).lower()
        wrong = _beside(path, ".wrong")
        os.replace(part.name, wrong)
        raise UserError(
            f"{file.name} from {file.url} is {'a web page and not' if page else 'not'} the file "
            f"of the table: expected {' or '.join(file.checksums)}, found {found}; it is kept as "
            f"{wrong}, and the same command gets it anew."
        )
    os.fsync(part.fileno())
    os.replace(part.name, path)
    log.info("%s is whole: %s", path, found)
    return found


def _sum(stream: BinaryIO, expected: Sequence[str]) -> str:
    found = []
    for algorithm in dict.fromkeys(text.partition(":")[0] for text in expected):
        stream.seek(0)
        digest = hashlib.file_digest(stream, lambda name=algorithm: _hash(name))
        found.append(f"{algorithm}:{digest.hexdigest()}")
    return next((text for text in found if text in expected), found[0])


def _hash(algorithm: str):
    return hashlib.new(algorithm, usedforsecurity=False)


def _is_page(response: requests.Response) -> bool:
    return response.headers.get("Content-Type", "").lower().startswith("text/html")


def _retry_after(response: requests.Response) -> float:
    try:
        asked = urllib3.Retry().parse_retry_after(response.headers["Retry-After"])
        return min(asked, _LONGEST_ASKED)
    except (KeyError, ValueError, OverflowError, urllib3.exceptions.InvalidHeader):
        return 0


def _refused(file: File, reason: str) -> UserError:
    return UserError(
        f"{file.name} could not be fetched from {file.url} ({reason}): open the address in a "
        "browser to see what is there, or name another one in a table of your own (`downloads`)."
    )


def _innermost(error: BaseException) -> BaseException:
    """Return what requests wraps several times."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error


def _reason(error: BaseException) -> str:
    error = _innermost(error)
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split()).rstrip(".")


class _Progress:
    """How far a download is: a bar in a terminal, and a line in the log every half minute.

    The jobs of a run share the terminal and take turns on its last line.
    """

    _BAR, _LINE = 0.5, 30  # seconds between two of them

    def __init__(self, name: str):
        self._name = name
        self._terminal = sys.stderr.isatty()

    def start(self, size: int, end: int | None) -> None:
        """Begin with `size` bytes of `end`."""
        self._size, self._end = size, end
        self._began = self._drawn = self._logged = time.monotonic()

    def show(self, size: int) -> None:
        """Say, from time to time, that `size` bytes are here."""
        now = time.monotonic()
        if now - self._logged >= self._LINE:
            self._logged = now
            self.say(self._state(size, now))
        if self._terminal and now - self._drawn >= self._BAR:
            self._drawn = now
            line = f"{self._name} {self._bar(size)}{self._state(size, now)}"
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\033[K{line[:width]}", end="", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """Log a line, in place of the bar."""
        self.clear()
        log.info("%s: %s", self._name, text)

    def clear(self) -> None:
        """Wipe the bar off."""
        if self._terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def _bar(self, size: int) -> str:
        done = min(20 * size // self._end, 20) if self._end else 0
        return f"[{'#' * done}{'-' * (20 - done)}] " if self._end else ""

    def _state(self, size: int, now: float) -> str:
        speed = (size - self._size) / max(now - self._began, 1e-9)
        if not self._end:
            return f"{_amount(size)}, {_amount(speed)}/s"
        left = (self._end - size) / max(speed, 1)
        share = f"{100 * size // self._end} % of {_amount(self._end)}"
        return f"{share}, {_amount(speed)}/s, {_duration(left)} left"


def _amount(size: float) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size / 1e3:.0f} kB"


def _duration(seconds: float) -> str:
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
