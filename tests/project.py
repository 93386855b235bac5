"""A copy of the workflow in a folder of its own, for tests of the real Snakefile."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from small_run import copy_workflow

# The last line of Snakemake's own when a job has failed, and when a plan has.
LAST = re.compile(
    r"^(?:At least one job did not complete successfully\.|Building DAG of jobs\.\.\.|"
    r"Updating checkpoint dependencies\.|Config file .* is extended .*)\n",
    re.MULTILINE,
)
LOG = re.compile(r"^Logfile .*:\n=+\n.*?\n=+\n", re.MULTILINE | re.DOTALL)  # shown by Snakemake
TARGETS = ("all", "table1", "table2", "total")  # no work of their own


class Project:
    """A copy of the workflow in a folder of its own, with the tiny configuration."""

    def __init__(self, folder: Path):
        self.folder = folder

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(self.command(*arguments), cwd=self.folder, **_captured())

    def documented(self, command: str) -> subprocess.CompletedProcess:
        """Run a `snakemake` command as the documentation has it, without the tiny configuration."""
        program, *arguments = shlex.split(command, comments=True)
        assert program == "snakemake"
        command = [sys.executable, "-m", program, *arguments]
        return subprocess.run(command, cwd=self.folder, **_captured())

    def start(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @staticmethod
    def command(*arguments: str) -> list[str]:
        configured = ["--configfile", "tiny.yaml", "--cores", "2"]
        return [sys.executable, "-m", "snakemake", *configured, *arguments]

    def run(self, *arguments: str) -> dict[str, int]:
        """Run the workflow and return how many jobs each rule was planned to have.

        After a checkpoint some of them turn out not to be needed: see `started`.
        """
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stderr[-3000:]
        self.printed = done.stdout + done.stderr
        return _jobs(done)

    def started(self, *rules: str) -> int:
        """Return how many jobs of these rules the last `run` really started."""
        return sum(
            len(re.findall(rf"^(?:local)?(?:rule|checkpoint) {rule}:", self.printed, re.MULTILINE))
            for rule in rules
        )

    def jobs(self, *arguments: str) -> dict[str, int]:
        """Return how many jobs each rule would have, `all` aside."""
        return self.run("--dry-run", *arguments)

    def fails(self, *arguments: str) -> str:
        """Return what is printed by a call that must fail."""
        done = self.snakemake(*arguments)
        assert done.returncode != 0
        self.printed = done.stdout + done.stderr
        return self.printed

    def refuses(self, *arguments: str) -> str:
        """Return what we say at the end of a call that must fail; `printed` has all of it."""
        return said_at_the_end(self.fails(*arguments))

    def takes(self, data, kind: str = "chestxray14") -> None:
        """Take the `images` and `metadata` of a data set on disk in place of phantoms."""
        self.without_phantoms()
        self.edit("tiny.yaml", "{kind: phantom}", f"{{kind: {kind}}}")
        for key, old in (("images", "phantom"), ("metadata", "phantom/Data_Entry_2017_v2020.csv")):
            path = json.dumps(str(getattr(data, key)))
            self.edit("tiny.yaml", f"{key}: results/{old}\n", f"{key}: {path}\n")

    def without_phantoms(self) -> None:
        """Leave `images` and `metadata` to what is on disk."""
        tiny = self.folder / "tiny.yaml"
        before, rest = tiny.read_text().split("phantom:\n")
        tiny.write_text(before + rest[rest.index("shards:") :])

    def read(self, path: str) -> bytes:
        return (self.folder / path).read_bytes()

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.folder / path
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))


def said_at_the_end(printed: str) -> str:
    """Return what stands below Snakemake's own lines: a sentence that we print once, and logs."""
    assert "Traceback" not in printed
    end = LAST.split(printed)[-1].strip()
    assert 1 <= len(end.splitlines()) <= 3, end
    assert LOG.sub("", printed).count(end.splitlines()[0]) == 1
    return end


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}


def _captured() -> dict:
    return {"capture_output": True, "text": True, "env": _environment()}


def _jobs(done: subprocess.CompletedProcess) -> dict[str, int]:
    text = done.stdout + done.stderr
    table = re.search(r"Job stats:\njob +count\n[- ]+\n(.*?)\n\n", text, re.DOTALL)
    if table is None:
        assert "Nothing to be done" in text, text[-3000:]
        return {}
    rows = (line.split() for line in table[1].splitlines())
    return {rule: int(count) for rule, count in rows if rule not in TARGETS}


def copy_project(folder: Path) -> Project:
    copy_workflow(folder)
    return Project(folder)
