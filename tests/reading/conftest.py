"""A real server process, which tests may kill, and a real browser."""

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from cxrnoise.reading.answers import Asked, Reading
from reading_studies import ASKED, STUDY, write_study
from readingroom import links
from readingroom.store import Store

PROGRAM = Path(__file__).parents[2] / "workflow" / "scripts" / "reading_room.py"
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Server:
    """`reading-room STUDY serve` in a process of its own."""

    def __init__(self, folder: Path, cases: int, size: int, asked: Asked = ASKED):
        self.study, self.asked = folder / "study", asked
        self.cases = write_study(self.study, cases, size, asked=asked)
        self.port = 0
        self.printed = folder / "printed.txt"
        self.links = []
        self.start()

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(PROGRAM), str(self.study), *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            self.command(*arguments), env=self.environment(), capture_output=True, text=True
        )

    @staticmethod
    def environment() -> dict[str, str]:
        return os.environ | {"PYTHONUNBUFFERED": "1"}

    def start(self) -> None:
        """Start, and wait until it listens; again at the same port after `kill`."""
        with self.printed.open("ab") as printed:
            self.process = subprocess.Popen(
                self.command("serve", "--port", str(self.port)),
                env=self.environment(),
                stdout=subprocess.PIPE,
                stderr=printed,
                text=True,
            )
        for line in self.process.stdout:
            if found := re.search(r"open at (http://[^:]+:(\d+))", line):
                self.base, self.port = found[1], int(found[2])
            self.links += re.findall(r"http://\S+#\S+", line)
            if "Ctrl+C" in line:
                return
        raise AssertionError(self.printed.read_text())

    def kill(self) -> None:
        """Kill it as a power cut would: no handler runs."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def invite(self, name: str, again: bool = False) -> str:
        """Return the link that the command `invite` prints."""
        with self.store() as store:
            return links.link(self.base, store.invite(name, again))

    def readings(self, reader: str | None = None) -> list[Reading]:
        """Return what is in the database, asked from another process than the server's."""
        with self.store() as store:
            return store.readings(reader)

    def history(self, reader: str | None = None) -> list[Reading]:
        with self.store() as store:
            return store.history(reader)

    def store(self):
        return closing(Store(self.study.parent / "room", STUDY, self.asked))


@pytest.fixture
def serve(tmp_path):
    """`serve(cases=4, size=64, asked=ASKED)`: a server, which the test's end kills."""
    started = []

    def start(cases: int = 4, size: int = 64, asked: Asked = ASKED) -> Server:
        started.append(Server(tmp_path, cases, size, asked))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.kill()


@pytest.fixture(scope="session")
def room(tmp_path_factory):
    """A server with four cases that runs all the while; each test invites readers of its own."""
    server = Server(tmp_path_factory.mktemp("room"), 4, 256)
    yield server
    server.kill()


@pytest.fixture
def ann(room, request):
    """The name of a reader of the test's own, as long as a name may be."""
    return request.node.name[-60:]


@pytest.fixture
def link(room, ann):
    """The personal link of `ann`."""
    return room.invite(ann)


@pytest.fixture(scope="session")
def chromium():
    if BROWSER is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def shown(chromium, address):
    """`shown(width, **options)`: the page at `address`, in a context with these options.

    What it asks for or complains of fails the test.
    """
    wrong, contexts = [], []

    def shown(width, **options):
        contexts.append(chromium.new_context(viewport={"width": width, "height": 800}, **options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request",
            lambda request: (
                wrong.append(request.url)
                if request.url != address and not request.url.startswith("data:")
                else None
            ),
        )
        page.goto(address)
        return page

    yield shown
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def page_of(chromium):
    """`page_of(link)`: a page in a context of its own; its errors fail the test at its end."""
    contexts, errors = [], []

    def page_of(link: str, width: int = 1600, height: int = 1000, **options):
        contexts.append(
            chromium.new_context(viewport={"width": width, "height": height}, **options)
        )
        page = contexts[-1].new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda message: (
                errors.append(message.text) if "Content Security Policy" in message.text else None
            ),
        )
        page.goto(link)
        return page

    yield page_of
    for context in contexts:
        context.close()
    assert errors == []
