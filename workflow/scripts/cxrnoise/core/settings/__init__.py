"""The configuration: checked before the first job starts, with every default filled in."""

import csv
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cxrnoise.core.errors import UserError
from cxrnoise.core.names import slug
from cxrnoise.core.settings.checks import check
from cxrnoise.core.settings.defaults import complete, prepared
from cxrnoise.core.settings.errors import sentence
from cxrnoise.core.settings.models import Settings

__all__ = ["Settings", "defaults", "slug", "stated", "validate"]

OF_A_TASK = ("kind", "finding", "findings", "column", "file")  # what it is, not how it is done


def validate(config: dict[str, Any]) -> Settings:
    """Check the whole configuration, and fill in what it leaves out.

    `validate(config).model_dump()` is the same as plain dictionaries and lists, which the rules
    use. `config` itself is not changed.

    Raises `UserError` with one sentence that names a key, its value and what to do. Of several
    mistakes the one nearest to the top level is told.
    """
    filled = prepared(config)
    try:
        settings = Settings.model_validate(filled)
    except ValidationError as error:
        raise UserError(sentence(error, filled)) from None
    complete(settings)
    check(settings)
    return settings


def defaults(config: dict[str, Any]) -> Settings:
    """Return a configuration with the tasks of a checked one, and all else by default."""
    tasks = {
        name: {key: task[key] for key in OF_A_TASK if key in task}
        for name, task in config["tasks"].items()
    }
    return validate({"tasks": tasks})


def stated(config: dict[str, Any], numbers_path: str | Path) -> dict[str, Any]:
    """Return our values of the settings that the paper states, by `config:` and dotted name.

    Parameters
    ----------
    config: the configuration as plain dictionaries.
    numbers_path: `config/paper-numbers.csv`; its column `key` has the dotted names.
    """
    with open(numbers_path, encoding="utf-8", newline="") as file:
        named = [row["key"] for row in csv.DictReader(file) if row["key"].startswith("config:")]
    return {key: _value(config, key.removeprefix("config:")) for key in named}


def _value(config: dict[str, Any], key: str) -> Any:
    for part in key.split("."):
        config = config[part]
    return config
