"""Section of the report: files that hang wrongly, are there twice, or are unlike all others."""

from cxrnoise.images.shards import Reader
from cxrnoise.report import detected, hanging, privacy
from cxrnoise.report.sections.section import Answer, Files, Section, Study

QUESTION = "Which files may hang wrongly, or be there twice?"
SHOWN = 20  # rows of each list


def section(files: Files, study: Study) -> Section:
    """Return the section. Files: lists (`hanging.csv`), shards (or none, for tables)."""
    table = hanging.read(files["lists"])
    pictures = bool(files["shards"])
    shards = Reader(files["shards"]) if pictures else None
    counts = [
        f"{title.lower()}: {count}"
        for kind, title in hanging.HEADINGS.items()
        if (count := hanging.count(kind, table[table["kind"] == kind]))
    ]
    answer = f"{'; '.join(counts)}. Nobody has looked at them: a list is where to look first."
    return Section(
        title=hanging.TITLE,
        values={
            "sentences": [
                *hanging.about(pictures, SHOWN),
                *privacy.about(study.names, pictures),
            ],
            "lists": hanging.lists(table, shards, study.names, SHOWN),
            "level": 3,
        },
        sources=[files["lists"]],
        warnings=detected.warnings(study.phantom, simulated=False),
        answers=[Answer(QUESTION, detected.capital(answer))],
    )
