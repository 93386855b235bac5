"""One plain sentence for what pydantic finds wrong."""

import difflib
import json
import reprlib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from cxrnoise.core.settings.models import KINDS
from cxrnoise.core.settings.table import Row, keys

# Where pydantic's own words are for programmers; otherwise they are kept.
SHOULD = {
    "bool": "should be true or false",
    "dict": "should be a group of keys",
    "finite": "should be a number",
    "float": "should be a number",
    "int": "should be a whole number",
    "list": "should be a list, such as [0]",
    "model": "should be a group of keys",
    "string": "should be a text",
}
SHOULD_EXACTLY = {
    "string_too_short": "should not be",
    "too_short": "should not be",
    "string_pattern_mismatch": (
        "should be a letter and up to 99 letters, digits, spaces, _ and -: give a finding with "
        "another name a task of its own, and set finding to the name of that task"
    ),
}


def sentence(error: ValidationError, config: Mapping[str, Any]) -> str:
    """Return one sentence for the mistake nearest to the top level of `config`.

    An unknown key comes first: it may be a key that is missing, misspelled.
    """
    found = min(
        error.errors(include_url=False),
        key=lambda one: (len(_path(one["loc"])), one["type"] != "extra_forbidden"),
    )
    path = _path(found["loc"])
    key = ".".join(path)
    match found["type"]:
        case "extra_forbidden" | "invalid_key":
            return f"The configuration has no key {key}: {_suggestion(path, config)}."
        case "missing":
            return f"The configuration lacks the key {key}: add it."
        case "union_tag_not_found":
            return f"The configuration lacks the key {key}.kind: add it, {_kinds()}."
        case "union_tag_invalid":
            kind = found["ctx"]["tag"]
            return f"The configuration key {key}.kind is {kind}, but should be {_kinds()}."
    if found["loc"][-1] == "[key]":
        return f"The configuration key {key}, a task, {_should(found)}."
    verb = "holds" if isinstance(found["loc"][-1], int) else "is"
    return f"The configuration key {key} {verb} {_shown(found['input'])}, but {_should(found)}."


def _path(location: tuple) -> list[str]:
    """Return the keys that lead to a mistake.

    In a task, pydantic adds the task's kind after its name; in a list, the place of the item.
    """
    parts = list(location)
    if parts[0] == "tasks" and len(parts) > 3:
        del parts[2]
    if parts[-1] == "[key]":
        parts.pop()
    return [str(part) for place, part in enumerate(parts) if place == 0 or isinstance(part, str)]


def _should(found: Mapping[str, Any]) -> str:
    kind = found["type"]
    if kind in SHOULD_EXACTLY:
        return SHOULD_EXACTLY[kind]
    if kind == "value_error":
        return str(found["ctx"]["error"])
    if kind.endswith(("_type", "_parsing", "_number", "_from_float")):
        return SHOULD[kind.split("_")[0]]
    return found["msg"].replace("Input should", "should")


def _kinds() -> str:
    return f"one of {', '.join(KINDS)}"


def _suggestion(path: list[str], config: Mapping[str, Any]) -> str:
    """Name keys that may be meant: one beside it that is spelled alike, or one of another group."""
    *group, unknown = path
    if not group and unknown in config["tasks"]:
        return f"you may mean tasks.{unknown}"
    rows = {row.name: row for row in keys()}
    beside = {name.split(".")[len(group)] for name in rows if _is_in(group, rows[name], config)}
    alike = difflib.get_close_matches(unknown, sorted(beside), n=1)
    meant = [".".join([*group, name]) for name in alike]
    last = {name: name.rpartition(".")[2] for name in rows}
    meant += [_with_kinds(rows[name]) for name in rows if last[name] == unknown]
    if not meant:
        near = difflib.get_close_matches(unknown, sorted(set(last.values())), n=1)
        meant = [_with_kinds(rows[name]) for name in rows if last[name] in near]
    if not meant:
        return "remove it, or look for its name in config/README.md"
    return f"you may mean {' or '.join(meant[:3])}"


def _is_in(group: list[str], row: Row, config: Mapping[str, Any]) -> bool:
    """Say whether a key is in a group, which may be a task or a group of one."""
    name = row.name.split(".")
    if len(group) > 1 and group[0] == "tasks":
        if config["tasks"][group[1]]["kind"] not in row.defaults:
            return False
        group = ["tasks", "NAME", *group[2:]]
    return name[: len(group)] == group and len(name) > len(group)


def _with_kinds(row: Row) -> str:
    kinds = [kind for kind in row.defaults if kind]
    return f"{row.name} of kind {' or '.join(kinds)}" if 0 < len(kinds) < 3 else row.name


def _shown(value: Any) -> str:
    if value is None or value == "" or value == []:
        return "empty"
    if isinstance(value, list | dict):
        return reprlib.repr(value)
    return f"the text {value!r}" if isinstance(value, str) else json.dumps(value, default=str)
