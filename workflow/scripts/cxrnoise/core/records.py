"""What Snakemake wrote down of the jobs that made files."""

import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(".snakemake/metadata")  # in the folder in which Snakemake runs
BENCHMARK = ".benchmark.tsv"  # beside the log of the job


@dataclass(frozen=True)
class Record:
    """A job of which a file is an output.

    inputs: paths. params: the parameters as Python writes them, without their names. log: the path
    of its log, by which the outputs of one job are known. start, end: in seconds since 1970; on a
    cluster the start is when the job was handed over.
    """

    rule: str
    inputs: list[str]
    params: list[str]
    log: str
    start: float
    end: float


def read(path: str, folder: Path = FOLDER) -> Record | None:
    """Return the record of a file; None where Snakemake has none.

    There is none for a file that no rule makes, and after a run on another machine, in another
    folder, or with `--drop-metadata`.
    """
    try:
        found = json.loads(_place(path, folder).read_text(encoding="utf-8"))
        return Record(
            rule=found["rule"],
            inputs=found["input"],
            params=found["params"],
            log=" ".join(found["log"]) or path,
            start=found["starttime"],
            end=found["endtime"],
        )
    except (OSError, ValueError, KeyError):  # also one that is just being written
        return None


def _place(path: str, folder: Path) -> Path:
    """Return where the record of a path is: its name in base64, in pieces where it is long."""
    name = urlsafe_b64encode(path.encode()).decode()
    longest = os.pathconf(folder, "PC_NAME_MAX") - 1
    *first, last = [name[start : start + longest] for start in range(0, len(name), longest)]
    return folder.joinpath(*(f"@{piece}" for piece in first), last)


def history(paths: Iterable[str], folder: Path = FOLDER) -> dict[str, Record | None]:
    """Return the files and all that they were made from, each after what it was made from."""
    found: dict[str, Record | None] = {}

    def follow(path: str) -> None:
        record = read(path, folder)
        for made_from in record.inputs if record else []:
            if made_from not in seen:
                seen.add(made_from)
                follow(made_from)
        found[path] = record

    seen: set[str] = set()
    for path in paths:
        if path not in seen:
            seen.add(path)
            follow(path)
    return found


@dataclass(frozen=True)
class Work:
    """The jobs of a rule: their number, and times in seconds.

    memory: the most that one had, in MB, of those that are measured; else None.
    """

    rule: str
    jobs: int
    total: float
    longest: float
    memory: float | None


def work(records: Iterable[Record | None]) -> list[Work]:
    """Return the work of each rule, in the order in which the rules began."""
    jobs: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if record:
            jobs.setdefault((record.rule, record.log), []).append(record)
    by_rule: dict[str, list[tuple[float, float | None]]] = {}
    for (rule, log), outputs in sorted(jobs.items(), key=lambda job: job[1][0].start):
        spent = max(one.end for one in outputs) - min(one.start for one in outputs)
        by_rule.setdefault(rule, []).append((max(0.0, spent), _memory(log)))
    return list(_works(by_rule))


def _works(by_rule: dict[str, list[tuple[float, float | None]]]) -> Iterator[Work]:
    for rule, jobs in by_rule.items():
        times = [time for time, _ in jobs]
        measured = [memory for _, memory in jobs if memory is not None]
        yield Work(rule, len(jobs), sum(times), max(times), max(measured, default=None))


def _memory(log: str) -> float | None:
    """Return the peak memory of a job in MB, from the benchmark beside its log; else None."""
    try:
        header, *rows = Path(log.removesuffix(".log") + BENCHMARK).read_text().splitlines()
        peaks = [row.split("\t")[header.split("\t").index("max_rss")] for row in rows]
        return max(float(peak) for peak in peaks)
    except (OSError, ValueError):  # NA for a job of less than a second
        return None
