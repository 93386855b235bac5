"""The tables of all keys in config/README.md, made from the models."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin

from cxrnoise.core.settings.models import KINDS, Group, Settings, Task

BEGIN = "<!-- keys: made by `make docs` from workflow/scripts/cxrnoise/core/settings/models.py -->"
END = "<!-- end of keys -->"
TASK = "tasks.NAME."


@dataclass
class Row:
    """A key: its dotted name, and its default and description for each kind of task.

    A key that is not a task's has one default and one description, for the kind "".
    """

    name: str
    defaults: dict[str, Any] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)


def keys() -> list[Row]:
    """Return all keys; those of a task are called `tasks.NAME.…`."""
    rows = {}
    for kind, name, default, description in _everything():
        row = rows.setdefault(name, Row(name))
        row.defaults[kind], row.descriptions[kind] = default, description
    return list(rows.values())


def table() -> str:
    """Return the keys as Markdown, those of the tasks in a table of their own."""
    rows = keys()
    lines = ["| key | default | what it is |", "| --- | --- | --- |"]
    lines += [
        f"| `{row.name}` | {_default(row)} | {_description(row)} |"
        for row in rows
        if not row.name.startswith(TASK)
    ]
    lines += ["", "The keys of a task, whose name stands in place of NAME:", ""]
    lines += ["| key | kinds | default | what it is |", "| --- | --- | --- | --- |"]
    lines += [
        f"| `{row.name}` | {_kinds(row)} | {_default(row)} | {_description(row)} |"
        for row in rows
        if row.name.startswith(TASK) and not row.name.startswith(f"{TASK}training.")
    ]
    training = Task.model_fields["training"].description
    lines += [f"| `{TASK}training` | all that train | | {training} |"]
    return "\n".join(lines)


def with_table(readme: str) -> str:
    """Return the text of a README with the tables between its two markers made anew."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _everything() -> Iterator[tuple[str, str, Any, str]]:
    """Yield kind of task, name, default and description of every key that holds a value."""
    for name, default, description in _keys(Settings, _defaults(Settings)):
        if name != "tasks":
            yield "", name, default, description
    for own in (True, False):  # what a kind has of its own comes first
        for kind, model in KINDS.items():
            for name, default, description in _keys(model, _defaults(model)):
                shared = name.split(".")[0] in Task.model_fields
                if shared != own and not (shared and kind == "predictions"):
                    yield kind, TASK + name, default, description


def _keys(model: type[Group], defaults: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    for name, info in model.model_fields.items():
        default, group = defaults.get(name), _group(info.annotation)
        if group is None:
            yield name, default, info.description or Task.model_fields[name].description
            continue
        entries = get_origin(info.annotation) is dict
        inner = _defaults(group) if entries else dict(default or {})
        for key, value, description in _keys(group, inner):
            yield f"{name}{'.NAME' if entries else ''}.{key}", value, description


def _defaults(model: type[Group]) -> dict[str, Any]:
    return {
        name: info.default for name, info in model.model_fields.items() if not info.is_required()
    }


def _group(annotation: Any) -> type[Group] | None:
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, Group):
            return part
    return None


def _kinds(row: Row) -> str:
    kinds = set(row.defaults)
    if kinds == set(KINDS):
        return "all"
    return "all that train" if set(KINDS) - kinds == {"predictions"} else ", ".join(row.defaults)


def _default(row: Row) -> str:
    """Return the default, or one for each group of kinds where they differ."""
    kinds = {}
    for kind, default in row.defaults.items():
        kinds.setdefault(_shown(default), []).append(kind)
    if len(kinds) == 1:
        return next(iter(kinds))
    return "; ".join(f"{shown} ({', '.join(names)})" for shown, names in kinds.items() if shown)


def _description(row: Row) -> str:
    """Return the description, or one for each kind where they differ."""
    texts = row.descriptions
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return " ".join(f"`{kind}`: {text}" for kind, text in texts.items())


def _shown(default: Any) -> str:
    if default is None:
        return ""
    if isinstance(default, list):
        return f"`[{', '.join(map(str, default))}]`"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"
