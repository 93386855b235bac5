"""The report: all sections in one page that needs no other file."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from markupsafe import Markup

from cxrnoise.report import detected, pages
from cxrnoise.report.sections.registry import SECTIONS
from cxrnoise.report.sections.section import Files, Section, Study

TITLE = "Labels of radiographs: report"


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
    title = f"{detected.warnings(study.phantom, study.simulated)}{TITLE}"
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
        title=f"{title}: {study.dataset}",
        heading=title,
        study=study,
        sections=found,
        bodies=bodies,
        answers=[answer for section in found.values() for answer in section.answers],
    )
