"""Section of the report: every number of the paper beside ours."""

from cxrnoise.reading import sources
from cxrnoise.report import comparison, detected
from cxrnoise.report.sections.section import Answer, Files, Section, Study

QUESTION = "Does this run agree with the paper?"


def section(files: Files, study: Study) -> Section:
    """Return the section. Files: rows, the table `paper-vs-ours.csv`."""
    rows, finding = comparison.read(files["rows"]), study.config["finding"]
    simulated = study.config["readings"] == sources.SIMULATED
    values = comparison.values(rows, study.dataset, finding, simulated)
    return Section(
        title="The paper and this run",
        values=values | {"page": False},
        sources=[files["rows"]],
        warnings=detected.warnings(study.phantom, simulated),
        answers=[Answer(QUESTION, answer(values))],
    )


def answer(values: dict[str, object]) -> str:
    """Say how many numbers agree, or why that means nothing. `values`: of `comparison.values`."""
    counts = f"Of the numbers that the paper prints, {values['summary']}."
    if values["reasons"]:
        return f"That cannot be said, since {values['reasons']}. {counts}"
    return counts
