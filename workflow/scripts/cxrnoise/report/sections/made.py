"""Section of the report: how it was made, and the files that its numbers rest on."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from cxrnoise.core import origins, provenance, records
from cxrnoise.core.records import Record
from cxrnoise.report import machine
from cxrnoise.report.privacy import ROOT
from cxrnoise.report.sections.section import Files, Section, Study
from cxrnoise.report.sortable import Cell, Table

NOT_RECORDED = "not recorded"
GIVEN = "given"  # a file that no rule makes
CODE = re.compile("'([0-9a-f]{16})'")  # a fingerprint among the parameters of a job


class Made(NamedTuple):
    """A file of the report: its number, and what is recorded of it.

    made_from: the numbers of files. settings: the configuration that it was made with.
    """

    number: int
    path: str
    rule: str
    when: Cell
    sha256: str
    code: str
    made_from: str
    settings: str


def section(files: Files, study: Study) -> Section:
    """Return the section. It has no files but those of the other sections, `study.sources`."""
    behind = records.history(path for sources in study.sources.values() for path in sources)
    behind = {path: record for path, record in behind.items() if not _is_code(path)}
    own = {path: origins.provenance(path) for path in behind}
    made = _made(behind, own, study)
    return Section(
        title="How it was made",
        values={
            "facts": _facts(study),
            "configuration": _changed(study),
            "whole": _whole(study),
            "versions": _versions(own),
            "times": _times(behind),
            "direct": _direct(made, study),
            "every": _every(made),
            "not_recorded": sum(one.rule == NOT_RECORDED for one in made.values()),
        },
        sources=[],
    )


def _facts(study: Study) -> dict[str, str]:
    return {
        "Data set": study.dataset,
        "Seeds": ", ".join(map(str, study.config["seeds"])),
        "Commit of the workflow": machine.commit(ROOT) or NOT_RECORDED,
        "Report made": _time(datetime.now(UTC).timestamp()),
        "On": machine.described(),
        "Python": machine.python(),
    }


def _is_code(path: str) -> bool:
    """Whether a path is a part of the program, which the fingerprints of the code stand for."""
    return Path(path).absolute().is_relative_to(ROOT / "workflow")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


# Configuration


def _flat(config: Mapping, above: str = "") -> dict[str, str]:
    """Return the values of nested groups by dotted names, as text."""
    found = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            found |= _flat(value, f"{above}{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            found[f"{above}{key}"] = text
    return found


def _changed(study: Study) -> Table:
    """Return the keys whose values differ from the defaults."""
    defaults = _flat(study.defaults)
    keys = {
        key: (value, defaults.get(key, "–"))
        for key, value in _flat(study.config).items()
        if value != defaults.get(key)
    }
    rows = [[key, study.names.paths(value), default] for key, (value, default) in keys.items()]
    return Table(
        "What differs from the defaults",
        "Keys of the configuration whose values are not the defaults, which are the paper's run.",
        ["Key", "Value", "Default"],
        _texts(rows),
        text=3,
    )


def _whole(study: Study) -> Table:
    rows = [[key, study.names.paths(value)] for key, value in _flat(study.config).items()]
    return Table(
        "The whole configuration",
        "Every key; config/README.md of the workflow says what it means.",
        ["Key", "Value"],
        _texts(rows),
        text=2,
    )


def _versions(own: Mapping[str, dict | None]) -> Table:
    """Return which versions of packages made the files, and which make this report."""
    here = json.loads(provenance.describe({}, ""))["packages"]
    found: dict[str, dict[str, int]] = {name: {} for name in here}
    for record in own.values():
        for name, version in (record or {}).get("packages", {}).items():
            versions = found.setdefault(name, {})
            versions[version] = versions.get(version, 0) + 1
    rows = [
        [
            name,
            ", ".join(f"{version} ({files})" for version, files in versions.items()) or "–",
            here.get(name, "–"),
        ]
        for name, versions in sorted(found.items())
    ]
    return Table(
        "Packages",
        "Versions of packages. In brackets: how many of the files below say that they were made "
        "with it.",
        ["Package", "Files", "This report"],
        _texts(rows),
        text=3,
    )


# Times


def _times(behind: Mapping[str, Record | None]) -> Table:
    """Return how many jobs of each rule made the files, and how long they took."""
    work = records.work(behind.values())
    rows = [
        [
            Cell(one.rule, key=one.rule),
            Cell(f"{one.jobs:,}", key=one.jobs),
            _duration(one.total),
            _duration(one.longest),
            Cell("–") if one.memory is None else Cell(f"{one.memory:,.0f} MB", key=one.memory),
        ]
        for one in work
    ]
    jobs, total = sum(one.jobs for one in work), sum(one.total for one in work)
    return Table(
        "Times",
        f"The jobs that made the files of this report: {jobs:,} jobs, {_duration(total).value} one "
        "after the other. Jobs that ran side by side took less; on a cluster the time in the queue "
        "counts. Memory is measured for heavy jobs.",
        ["Rule", "Jobs", "Together", "Longest", "Most memory"],
        rows,
    )


def _duration(seconds: float) -> Cell:
    if seconds < 60:
        return Cell(f"{seconds:.1f} s", key=seconds)
    minutes = round(seconds / 60)
    text = f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
    return Cell(text, key=seconds)


# Files


def _made(
    behind: Mapping[str, Record | None], own: Mapping[str, dict | None], study: Study
) -> dict[str, Made]:
    """Return what is recorded of each file, numbered in the order in which they were made."""
    numbers = {path: number for number, path in enumerate(behind, 1)}
    made = {}
    for path, record in behind.items():
        said = own[path] or {}
        inputs = record.inputs if record else []
        params = " ".join(record.params) if record else ""
        code = said.get("code") or ", ".join(CODE.findall(params))
        settings = _settings(said["config"]) if "config" in said else params
        made[path] = Made(
            number=numbers[path],
            path=study.names.paths(path),
            rule=record.rule if record else _unmade(path, study),
            when=_when(path, record),
            sha256=(origins.checksum(path) or "–")[:12],
            code=code or "–",
            made_from=_ranges(sorted(numbers[one] for one in inputs if one in numbers)),
            settings=study.names.paths(settings),
        )
    return made


def _ranges(numbers: list[int]) -> str:
    """Write rising numbers as 1, 3–5."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ", ".join(str(low) if low == high else f"{low}–{high}" for low, high in ranges)


def _unmade(path: str, study: Study) -> str:
    """Name what has no record: a result, or what was given to the workflow."""
    inside = Path(path).absolute().is_relative_to(Path(study.config["results"]).absolute())
    return NOT_RECORDED if inside else GIVEN


def _when(path: str, record: Record | None) -> Cell:
    if record:
        seconds = record.end
    elif Path(path).exists():
        seconds = Path(path).stat().st_mtime
    else:
        return Cell("no longer there")
    return Cell(_time(seconds), key=seconds)


def _settings(config: Mapping) -> str:
    return ", ".join(f"{key}: {value}" for key, value in _flat(config).items())


def _direct(made: Mapping[str, Made], study: Study) -> Table:
    """Return the files that the sections take their numbers from."""
    rows = []
    for path in dict.fromkeys(path for paths in study.sources.values() for path in paths):
        if one := made.get(path):
            using = ", ".join(name for name, paths in study.sources.items() if path in paths)
            number = Cell(str(one.number), key=one.number)
            texts = _texts([[one.path, using, one.rule, one.sha256]])[0]
            rows.append([*texts[:3], one.when, texts[3], number])
    return Table(
        "Files that the numbers are from",
        "The files that the sections rest on. The sha256 is cut to 12 digits. The number is that "
        "of the list below, which goes on to what each was made from.",
        ["File", "Sections", "Rule", "Made", "sha256", "Number"],
        rows,
        text=5,
    )


def _every(made: Mapping[str, Made]) -> Table:
    rows = []
    for one in made.values():
        before = _texts([[str(one.number), one.path, one.rule]])[0]
        rows.append(
            [*before, one.when, *_texts([[one.sha256, one.code, one.made_from, one.settings]])[0]]
        )
    return Table(
        "Every file behind the numbers",
        "Each file, what made it, and the numbers of what it was made from, in the order of the "
        "workflow. The configuration is what the file says itself, or else the values that "
        "Snakemake recorded. A file that was given is made by no rule.",
        ["Number", "File", "Rule", "Made", "sha256", "Code", "Made from", "Configuration"],
        rows,
        text=8,
    )


def _texts(rows: list[list[str]]) -> list[list[Cell]]:
    return [[Cell(text, key=text) for text in row] for row in rows]
