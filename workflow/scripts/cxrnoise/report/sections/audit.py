"""Section of the report: how many labels are wrong, as counted by what people read."""

from dataclasses import replace

from cxrnoise.report import audit, audited
from cxrnoise.report.sections.section import Answer, Files, Section, Study

HOW_MANY = "How many labels are wrong?"
AMONG_FIRST = "How many of the first 100 suspicious labels are wrong?"
TABLES = ("counts", "agreement", "first", "corrections")


def section(files: Files, study: Study) -> Section:
    """Return the section; files as in `audited.load`."""
    found = load(files, study)
    apart = (audit.LIST, audit.IMPACT)
    parts = [part for name, part in audit.parts(found).items() if name not in apart]
    first = " ".join(audited.first_hundred(found))
    answers = [Answer(HOW_MANY, f"{audited.number_wrong(found)} {audited.verdict(found)}")]
    return Section(
        title=f"Which labels are wrong: {found.task}",
        values={"short": " ".join(audited.short(found)), "parts": parts, "level": 3},
        sources=[files[name] for name in TABLES],
        warnings=found.warnings,
        answers=[*answers, *([Answer(AMONG_FIRST, first)] if first else [])],
    )


def load(files: Files, study: Study) -> audited.Audit:
    """Return what the files of the audit hold."""
    config = study.config["audit"]
    found = audited.load(
        files,
        task=config["task"],
        dataset=study.dataset,
        rule=config["verdict"],
        phantom=drawn(study),
    )
    readers = study.names.readers(found.agreement["reader"], found.readings["reader"].unique())
    return replace(
        found,
        agreement=found.agreement.assign(reader=readers),
        folder=study.names.paths(found.folder),
        figure_path=study.names.paths(found.figure_path),
    )


def drawn(study: Study) -> bool:
    """Whether the audited images are phantoms; where predictions are from elsewhere, none are."""
    task = study.config["tasks"][study.config["audit"]["task"]]
    return study.phantom and task["kind"] != "predictions"
