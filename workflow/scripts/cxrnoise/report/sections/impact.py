"""Section of the report: what corrected labels change."""

from cxrnoise.report import audit, audited
from cxrnoise.report.sections.audit import load
from cxrnoise.report.sections.section import Answer, Files, Section, Study

QUESTION = "What do corrected labels change?"


def section(files: Files, study: Study) -> Section:
    """Return the section; files as in `audited.load`."""
    found = load(files, study)
    part = audit.parts(found)[audit.IMPACT]
    return Section(
        title=part.title,
        values={"part": part, "level": 3},
        sources=[files["impact"]],
        warnings=found.warnings,
        answers=[Answer(QUESTION, sentence) for sentence in audited.shift(found)],
    )
