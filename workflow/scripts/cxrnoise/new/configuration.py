"""The commented configuration, from a template."""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from snakemake.utils import update_config

from cxrnoise.core import settings
from cxrnoise.core.templates import environment
from cxrnoise.datasets import views
from cxrnoise.new.choices import Choices, used_views
from cxrnoise.new.survey import Survey

FOLDER = Path(__file__).parent
BASE = FOLDER.parents[3] / "config" / "config.yaml"
TEMPLATE = "configuration.yaml"
# Texts that YAML reads as texts without quotes.
PLAIN = re.compile(r"[A-Za-z_~./][A-Za-z0-9_~./-]*( [A-Za-z0-9_./-]+)*")


def commands(name: str, found: Survey, choices: Choices, cores: int) -> list[tuple[str, str]]:
    """Return what can be run with the configuration, and what each command makes."""
    snakemake = f".venv/bin/snakemake --configfile {name}.yaml --cores {cores} --"
    study = f"results/{name}/{choices.task.name}/audit/design-first/study"
    made = [
        (
            f"{snakemake} hanging",
            "files that hang wrongly, are there twice or are unlike all others",
        ),
        (f"{snakemake} audit-sample", "every label ranked, and the images drawn that people read"),
        (f"make reading-room STUDY={study}", "people read them in the browser"),
        (
            f".venv/bin/reading-room {study} export {Path(study).parent}/readings.csv",
            "their answers, for the next step",
        ),
        (f"{snakemake} audit", "how many labels are wrong, and which"),
        (f"{snakemake} report", "all that was made, in one page"),
    ]
    if found.kind == "chestxray14":
        made.insert(0, (f"{snakemake} table1", "the paper's Table 1, best on a GPU"))
    return made


def written(name: str, found: Survey, choices: Choices, cores: int) -> str:
    """Return the text of the configuration.

    Raises `UserError` where it would be refused.
    """
    templates = environment(FOLDER, html=False)
    templates.filters |= {
        "yaml": _text,
        "quoted": _quoted,
        "comment": repr,
        "number": "{:,}".format,
    }
    text = (
        templates.get_template(TEMPLATE)
        .render(
            name=name,
            found=found,
            choices=choices,
            commands=commands(name, found, choices, cores),
            views=_about_views(found),
        )
        .lstrip("\n")
    )
    check(text)
    return text


def check(text: str) -> settings.Settings:
    """Return the settings that Snakemake makes of a configuration beside config.yaml."""
    config: dict[str, Any] = yaml.safe_load(BASE.read_text(encoding="utf-8"))
    update_config(config, yaml.safe_load(text))
    return settings.validate(config)


def _about_views(found: Survey) -> str:
    if found.kind == "table" and found.roles.view is None:
        if found.folder.formats["DICOM"]:
            return "The table has no view: it is that of the DICOM header, else PA."
        return "Neither table nor files have a view, so every image is taken for PA."
    counted = views.counts(found.table)
    others = {view: n for view, n in counted.items() if view not in used_views(found)}
    said = ", ".join(f"{view} {n:,}" for view, n in counted.items())
    return f"{said}" + (": frontal views alone are used." if others else ".")


def _text(value: object) -> str:
    """Return a text as YAML reads it, quoted where it must be."""
    plain = PLAIN.fullmatch(str(value)) and yaml.safe_load(str(value)) == value
    return str(value) if plain else _quoted(value)


def _quoted(value: object) -> str:
    return json.dumps(str(value), ensure_ascii=False)
