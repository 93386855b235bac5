"""The report: all sections in one page that needs no other file."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from markupsafe import Markup

from cxrnoise.report import detected, pages
from cxrnoise.report.sections.registry import SECTIONS
from cxrnoise.report.sections.section import Files, Section, Study

TITLE = "Labels of radiographs: report"
LONG = 40  # rows and pictures of a section from which on it is folded


def sections(files: Mapping[str, Files], study: Study) -> dict[str, Section]:
    """Return the sections by name. `files` has the files of each, in the order of the report."""
    found: dict[str, Section] = {}
    for name, of in files.items():
        sources = {before: section.sources for before, section in found.items()}
        found[name] = SECTIONS[name].section(of, replace(study, sources=sources))
    return found


def html(found: Mapping[str, Section], study: Study, templates: str | Path) -> str:
    """Return the report as one HTML page that asks for no other file.

    Parameters
    ----------
    found: what `sections` returns.
    templates: the folder of the templates.
    """
    warnings = detected.warnings(study.phantom, study.simulated)
    bodies = {
        name: Markup(
            pages.html(
                templates,
                f"sections/{name}.html",
                warnings=section.warnings,
                **section.values,
            )
        )
        for name, section in found.items()
    }
    return pages.html(
        templates,
        "report.html",
        title=f"{warnings}{TITLE}: {study.dataset}",
        heading=TITLE,
        warnings=warnings,
        study=study,
        sections=found,
        bodies=bodies,
        folded=[name for name, body in bodies.items() if _rows(body) > LONG],
        answers=[answer for section in found.values() for answer in section.answers],
    )


def _rows(body: str) -> int:
    """Count the rows of tables and the pictures that a section shows at once."""
    shown = re.sub("<details.*?</details>", "", body, flags=re.DOTALL)
    return shown.count("<tr") + shown.count("<figure")
