"""The configuration: one clear sentence when it is wrong, and the table of its keys."""

import csv
import difflib
import json
import math
import re
import reprlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend

from cxrnoise.core.errors import UserError

TABLE_BEGIN = "<!-- keys: made by `make docs` from workflow/schemas/config.schema.yaml -->"
TABLE_END = "<!-- end of keys -->"

TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "a group of keys",
    "string": "a text",
}

PATHS = ("images", "metadata", "results", "weights", "readings")
BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}

# JSON Schema takes 16.0 for an integer and NaN for a number; range() and TensorFlow do not.
Validator = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
            "number": lambda _, value: (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and math.isfinite(value)
            ),
        }
    ),
)


def validate(config: dict[str, Any], schema_path: str | Path) -> None:
    """Check the whole configuration against the schema and its keys against each other.

    Numbers that the command line gave as texts become numbers in `config`.
    Raises `UserError` with one sentence that names the key and its value; of several mistakes,
    one nearest to the top level.
    """
    schema = load_schema(schema_path)
    config.update(typed(config, schema))
    error = best_match(Validator(schema).iter_errors(config))
    if error is not None:
        raise UserError(_sentence(error, schema))
    for key in PATHS:
        _check_path(key, config[key])
    for task in ("situs", "findings"):
        _check_splits(f"{task}.splits", config[task]["splits"])
        _check_crop(f"{task}.crop", config[task]["crop"], config["shards"]["size"])
    _check_splits("findings.positives", config["findings"]["positives"])
    if config["finding"].lower() == "situs":
        raise UserError("The configuration key finding is situs, the name of the first task.")
    if "phantom" in config:
        _check_phantom(config["phantom"])
    elif config["readings"] == "simulated":
        raise UserError(
            "The configuration key readings is simulated, but the truth, which simulated readers "
            "read, is known of phantoms alone: set it to room or to a file of readings."
        )


def typed(value: Any, schema: dict[str, Any]) -> Any:
    """Return `value` with numbers where the schema wants them and the text of one stands.

    Snakemake hands `--config noise_levels=[0,8]` over as a list of texts.
    """
    if isinstance(value, dict):
        known = schema.get("properties", {}).keys() & value.keys()
        return value | {name: typed(value[name], schema["properties"][name]) for name in known}
    if isinstance(value, list) and "items" in schema:
        return [typed(item, schema["items"]) for item in value]
    if isinstance(value, str) and schema.get("type") in ("boolean", "integer", "number"):
        return _number(value)
    return value


def load_schema(schema_path: str | Path) -> dict[str, Any]:
    """Read the JSON Schema, a YAML file."""
    return yaml.safe_load(Path(schema_path).read_text(encoding="utf-8"))


def keys(schema: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (dotted name, its schema) of every key that holds a value, in the schema's order."""
    for name, part in schema["properties"].items():
        if part.get("type") == "object":
            yield from keys(part, f"{prefix}{name}.")
        else:
            yield prefix + name, part


def stated(config: dict[str, Any], numbers_path: str | Path) -> dict[str, Any]:
    """Return the values of the keys that the paper states, each by `config:` and its dotted name.

    Parameters
    ----------
    numbers_path: `config/paper-numbers.csv`, whose column `key` names them so.
    """
    with open(numbers_path, encoding="utf-8", newline="") as file:
        named = [row["key"] for row in csv.DictReader(file) if row["key"].startswith("config:")]
    found = {}
    for key in named:
        value = config
        for part in key.removeprefix("config:").split("."):
            value = value[part]
        found[key] = value
    return found


def table(schema: dict[str, Any]) -> str:
    """Return the Markdown table of all keys with default and description."""
    rows = [
        f"| `{name}` | {_default(part)} | {part['description']} |" for name, part in keys(schema)
    ]
    return "\n".join(["| key | default | what it is |", "| --- | --- | --- |", *rows])


def with_table(readme: str, schema: dict[str, Any]) -> str:
    """Return the text `readme` with the table of keys between its two markers made anew."""
    before, rest = readme.split(TABLE_BEGIN)
    _, after = rest.split(TABLE_END)
    return f"{before}{TABLE_BEGIN}\n{table(schema)}\n{TABLE_END}{after}"


def _number(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _default(part: dict[str, Any]) -> str:
    if "default" not in part:
        return ""
    value = part["default"]
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _sentence(error: ValidationError, schema: dict[str, Any]) -> str:
    path = ".".join(part for part in error.absolute_path if isinstance(part, str))
    prefix = f"{path}." if path else ""
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        unknown = next(str(name) for name in error.instance if name not in known)
        hint = _suggestion(unknown, known, schema)
        return f"The configuration has no key {prefix}{unknown}: {hint}."
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        return f"The configuration lacks the key {prefix}{missing}: add it."
    in_list = isinstance(error.absolute_path[-1], int)
    return f"The configuration key {path} {'holds' if in_list else 'is'} {_fault(error)}."


def _suggestion(unknown: str, siblings: list[str], schema: dict[str, Any]) -> str:
    """Name a sibling that is spelled alike, or else the groups that have such a key."""
    alike = difflib.get_close_matches(unknown, siblings, n=1)
    elsewhere = [
        f"{name.rpartition('.')[2]} in the group {name.rpartition('.')[0]}"
        for name, _ in keys(schema)
        if f".{name}".endswith(f".{unknown}")
    ]
    if not (alike or elsewhere):
        return "remove it, or look for its name in config/README.md"
    return f"you may mean {' or '.join(alike or elsewhere)}"


def _fault(error: ValidationError) -> str:
    value, rule = _shown(error.instance), error.validator_value
    match error.validator:
        case "type" if rule == "array":
            return f"{value}, but must be a list, such as {json.dumps(error.schema['default'])}"
        case "type":
            return f"{value}, but must be {TYPES[rule]}"
        case "enum":
            return f"{value}, but must be one of {', '.join(rule)}"
        case "uniqueItems":
            return f"{value}, but must have each value once"
        case "minItems" | "minLength":
            return "empty, but must not be"
        case "pattern":
            return f"{value}, but must be a letter and up to 99 letters, digits, spaces and hyphens"
        case bound:
            return f"{value}, but must be {BOUNDS[bound]} {rule}"


def _shown(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, list | dict):  # which by an alias may be in itself
        return reprlib.repr(value)
    return f"the text {value!r}" if isinstance(value, str) else json.dumps(value, default=str)


def _check_splits(key: str, splits: dict[str, int | float]) -> None:
    counts = [name for name, share in splits.items() if isinstance(share, int)]
    fractions = [name for name in splits if name not in counts]
    if counts and fractions:
        raise UserError(
            f"The configuration key {key} has counts ({', '.join(counts)}) and fractions "
            f"({', '.join(fractions)}): give all three as whole numbers or all three as fractions."
        )
    total = math.fsum(splits.values())
    if fractions and total > 1 + 1e-9:
        raise UserError(
            f"The configuration key {key} has fractions that add up to {total:g}, "
            "but must be at most 1: lower one, or give counts as whole numbers."
        )


def _check_path(key: str, path: str) -> None:
    if re.search(r"[{}\x00-\x1f\x7f]", path):
        raise UserError(
            f"The configuration key {key} is {path!r}, but must have neither braces, which are "
            "Snakemake's, nor control characters: rename the file or folder."
        )


def _check_crop(key: str, crop: int, size: int) -> None:
    if crop > size:
        raise UserError(
            f"The configuration key {key} is {crop} pixels, but must be at most shards.size, "
            f"which is {size}."
        )


def _check_phantom(phantom: dict[str, Any]) -> None:
    if phantom["pa_images"] < phantom["patients"]:
        raise UserError(
            f"The configuration key phantom.pa_images is {phantom['pa_images']}, but must be at "
            f"least phantom.patients, which is {phantom['patients']}: each patient has a PA image."
        )


if __name__ == "__main__":
    readme_path, schema_path = map(Path, sys.argv[1:])
    made = with_table(readme_path.read_text(encoding="utf-8"), load_schema(schema_path))
    readme_path.write_text(made, encoding="utf-8")
