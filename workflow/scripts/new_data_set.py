"""`make new NAME=… IMAGES=… LABELS=…` writes the configuration NAME.yaml."""

import argparse
import os
import re
import sys
from pathlib import Path

from cxrnoise.core.errors import UserError
from cxrnoise.core.files import replacing
from cxrnoise.new import configuration, summary
from cxrnoise.new.choices import choose
from cxrnoise.new.survey import survey

USAGE = (
    "make new NAME=mine IMAGES=FOLDER LABELS=FILE.csv, and where they are needed PATIENT=COLUMN, "
    "IMAGE=COLUMN, ONLY=COLUMN,COLUMN (the labels) and WEIGHTS=FILE"
)
NEEDED = ("name", "images", "labels")
OPTIONAL = ("image", "patient", "only", "weights")


def main(arguments: list[str]) -> None:
    """Look at the folder and the table, print what was found and write the configuration."""
    parser = argparse.ArgumentParser(usage=USAGE)
    for name in (*NEEDED, *OPTIONAL):
        parser.add_argument(f"--{name}", default="")
    given = vars(parser.parse_args(arguments))
    path = _path_of(given)
    found = survey(given["images"], given["labels"], given)
    choices = choose(found, given["weights"])
    cores = os.cpu_count() or 1
    text = configuration.written(given["name"], found, choices, cores)
    print(summary.text(found, choices))
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(f"\nWritten: {path}, with a comment at each choice. What it runs:")
    for command, what in configuration.commands(given["name"], found, choices, cores):
        print(f"  {command}\n      {what}")


def _path_of(given: dict[str, str]) -> Path:
    """Return the path of the configuration; raise `UserError` where it cannot be written."""
    for name in NEEDED:
        if not given[name]:
            raise UserError(f"{name.upper()} is missing: {USAGE}.")
    if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9_-]*", given["name"]):
        raise UserError(
            f"NAME={given['name']} becomes a file and a folder: use letters, digits, _ and - only."
        )
    for name in ("images", "labels", "weights"):
        given[name] = os.path.expanduser(given[name])
    path = Path(f"{given['name']}.yaml")
    if path.exists():
        raise UserError(
            f"{path} is there already and is not overwritten: give another NAME, or move it away."
        )
    return path


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(f"{error}")
