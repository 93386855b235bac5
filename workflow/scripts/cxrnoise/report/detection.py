"""Detection as people read it: which score finds wrong labels best, in words, tables and curves."""

import base64
import math
from pathlib import Path

from cxrnoise.report import reviews, saving, sortable
from cxrnoise.report.detected import (
    BEST_BY,
    Number,
    Part,
    capital,
    difference,
    plain,
    sentences,
    with_interval,
)
from cxrnoise.report.pages import html_page
from cxrnoise.report.sortable import Cell, Table
from cxrnoise.statistics.detection import ABSENT, ANY, MEAN, MEASURES, POOLED, PRESENT, REFERENCE

TITLE = "How well each score finds wrong labels"
HEADER = [
    "Score",
    "AUROC",
    "Average precision",
    "Precision at 20",
    "Precision at 100",
    "Precision at the number of wrong labels",
    "Average precision, difference to cleanlab",
]
MARKS = ("precision", "recall")  # of a single reader
DIRECTIONS = {
    ANY: "both",
    PRESENT: "given present, but absent",
    ABSENT: "given absent, but present",
}


def cell(number: Number, signed: bool = False) -> Cell:
    """Return the cell of a number; a missing one is a dash and sorts last."""
    value, _, interval = with_interval(number, signed).partition(" ")
    key = "" if math.isnan(number.value) else f"{number.value:.6g}"
    return Cell(value, interval, key=key)


def difference_cell(score: str, number: Number) -> Cell:
    """Return the cell of a difference to cleanlab's, with a word that says what it means."""
    if score == REFERENCE:
        return Cell("reference", key="0")
    return cell(difference(number), signed=True)._replace(word=_word(number))


def _word(number: Number) -> str:
    if number.difference_low > 0:
        return "better"
    if number.difference_high < 0:
        return "worse"
    return "no clear difference" if number.difference_low <= 0 else ""


def scores_table(part: Part, label: str, name: str, about: str) -> Table:
    """Return one row per score; scores with the same numbers share one."""
    rows = []
    for first, *others in part.rankings(label):
        words = [f"same numbers: {', '.join(map(plain, others))}"] if others else []
        if not part.is_whole(first, label):
            ranked, known = (part.of(*at, label).n for at in ((first, BEST_BY), ("", "wrong")))
            words.append(f"ranks {ranked:,.0f} of {known:,.0f} labels")
        numbers = {measure: part.of(first, measure, label) for measure in MEASURES}
        rows.append(
            [
                Cell(plain(first), word="; ".join(words), key=plain(first)),
                *map(cell, numbers.values()),
                difference_cell(first, numbers[BEST_BY]),
            ]
        )
    return Table(name, about, HEADER, rows, by=2)


def scores_tables(part: Part) -> list[Table]:
    """Return the tables of one row per score: pooled, and the mean over the findings if any."""
    intervals = f" In brackets 95 % intervals: {part.how}." if part.how else ""
    if not part.rankings(MEAN):
        return [scores_table(part, POOLED, "Every score", f"All labels together.{intervals}")]
    return [
        scores_table(
            part,
            POOLED,
            "Every score, pooled",
            "Pooled: the labels of all findings in one ranking. A score also gains by telling "
            f"findings with many wrong labels from those with few.{intervals}",
        ),
        scores_table(
            part,
            MEAN,
            "Every score, within findings",
            "Within findings: each finding has a ranking of its own; the numbers are means over "
            f"the findings.{intervals}",
        ),
    ]


def places_tables(part: Part) -> list[Table]:
    """Return the tables of one row per direction of error, and per finding and direction."""
    places = [key[:2] for key in part.numbers if key[2:] == ("", "wrong")]
    pooled = [place for place in places if place[0] == POOLED and place[1] != ANY]
    findings = [place for place in places if place[0] not in (POOLED, MEAN)]
    tables = []
    if pooled and part.best():
        name = "Each direction of error"
        name += ", pooled" if findings else ""
        tables.append(_places_table(part, name, pooled, part.best()[0]))
    if findings and part.best(MEAN):
        tables.append(_places_table(part, "Within each finding", findings, part.best(MEAN)[0]))
    return tables


def _places_table(part: Part, name: str, places: list[tuple[str, str]], best: str) -> Table:
    named = len({label for label, _ in places}) > 1
    scores = [best] if best == REFERENCE else [best, REFERENCE]
    header = ["Finding"] if named else []
    header += ["Error", "Wrong labels", "Share of the labels"]
    header += [f"Average precision, {plain(score)}" for score in scores]
    if best != REFERENCE:
        header.append("Difference")
    about = f"Average precision of {' and of '.join(plain(score) for score in scores)}. "
    about += "Other scores and measures are in detection.csv."
    rows = [_place(part, label, direction, scores) for label, direction in places]
    if not named:
        rows = [row[1:] for row in rows]
    return Table(name, about, header, rows, text=2 if named else 1)


def _place(part: Part, label: str, direction: str, scores: list[str]) -> list[Cell]:
    wrong, share = (part.of("", measure, label, direction) for measure in ("wrong", "prevalence"))
    found = [part.of(score, BEST_BY, label, direction) for score in scores]
    way = DIRECTIONS[direction]
    count = f"{wrong.value:,.1f}".removesuffix(".0")
    cells = [
        Cell(label, key=label),
        Cell(way, key=way),
        Cell("–") if math.isnan(wrong.value) else Cell(count, key=f"{wrong.value:g}"),
        cell(Number(share.value)),
        *map(cell, found),
    ]
    if scores != [REFERENCE]:
        cells.append(difference_cell(scores[0], found[0]))
    return cells


READERS = (
    "Each reader against the majority of the others. Precision: of the labels that the reader "
    "contradicts, the share that the others contradict too. Recall: of the labels that the others "
    "contradict, the share that this reader contradicts. Labels on which the others are divided "
    "are left out."
)


def readers_table(part: Part) -> Table:
    """Return one row per reader: how well he or she finds the labels that the others contradict."""
    rows = []
    for reader, found in part.readers.groupby("reader", sort=False):
        shares = found.set_index("measure")
        left_out = found["ties"].iloc[0]
        rows.append(
            [
                Cell(reader, key=reader),
                *(cell(Number(*shares.loc[name, ["value", "low", "high"]])) for name in MARKS),
                Cell(f"{left_out:,.0f}", key=f"{left_out:g}"),
            ]
        )
    about = READERS
    best = part.best()
    if best:
        same = part.of(best[0], "precision_at_wrong").value
        about += (
            f" At the number of wrong labels, “{plain(best[0])}” has a precision and recall of "
            f"{same:.3f} against the verdict of all readers."
        )
    return Table("Single readers", about, ["Reader", *map(capital, MARKS), "Left out"], rows)


def by_task(parts: list[Part]) -> dict[str, list[Part]]:
    """Return the parts of each task, the name of the task with its warnings before it."""
    found: dict[str, list[Part]] = {}
    for part in parts:
        found.setdefault(part.task, []).append(part)
    return found


def tables(part: Part) -> list[Table]:
    """Return all tables of a part that sort."""
    people = [readers_table(part)] if len(part.readers) else []
    return [*scores_tables(part), *places_tables(part), *people]


def heading(parts: list[Part]) -> str:
    """Return the title of the page, with warnings before it."""
    return f"{warnings(parts)}{TITLE}"


def warnings(parts: list[Part]) -> str:
    """Return the warnings that are true of all parts."""
    found = {part.warnings for part in parts}
    return found.pop() if len(found) == 1 else ""


def verdict(parts: list[Part]) -> str:
    """Say in how many parts a score is better than cleanlab's, as a whole sentence."""
    best = [(part, part.best()[0]) for part in parts if part.best()]
    better = sum(part.of(score, BEST_BY).difference_low > 0 for part, score in best)
    return (
        f"In {better or 'none'} of them is the best score better than cleanlab’s self-confidence, "
        "which means that the 95 % interval of the difference lies above 0."
    )


def values(parts: list[Part], page: bool) -> dict[str, object]:
    """Return what the template `sections/detection.html` uses.

    Parameters
    ----------
    parts: as `detected.parts` returns them.
    page: whether it fills a page of its own, which shows the tables of the first part at once.
    """
    numbered = {id(part): number for number, part in enumerate(parts, 1)}
    return {
        "count": len(parts),
        "verdict": verdict(parts),
        "tasks": [
            {
                "name": task_name(same),
                "sections": [_section(part, numbered[id(part)]) for part in same],
            }
            for same in by_task(parts).values()
        ],
        "page": page,
        "level": 2 if page else 3,
    }


def html(parts: list[Part], dataset: str, templates: str | Path, provenance: str) -> str:
    """Return one self-contained HTML page.

    Parameters
    ----------
    parts: as `detected.parts` returns them; dataset: its name.
    templates: the folder of the templates.
    provenance: the JSON text of `provenance.describe`, shown at the foot of the page.
    """
    return html_page(
        templates,
        "detection.html",
        provenance,
        title=f"{heading(parts)}: {dataset}",
        heading=heading(parts),
        **values(parts, page=True),
    )


def task_name(parts: list[Part]) -> str:
    """Return the name of a task; `PHANTOM` stands before it where its images are phantoms."""
    return f"{'PHANTOM: ' if parts[0].phantom else ''}{plain(parts[0].task)}"


def _section(part: Part, number: int) -> dict[str, object]:
    found = {
        "id": f"part-{number}",
        "title": part.title,
        "of": f"{plain(part.task)}, {part.setting}",
        "warnings": part.warnings,
        "sentences": list(sentences(part)),
        "tables": tables(part),
        "figure": "",
    }
    if len(part.reviews):
        header, rows = reviews.lines(part)
        figure = base64.b64encode(saving.svg(reviews.panel(part))).decode()
        found |= {"figure": figure, "about": reviews.in_words(part)}
        found |= {"lines_header": header, "lines": rows}
    return found


def markdown(parts: list[Part]) -> str:
    """Return the sentences and the tables of the scores as Markdown."""
    text = [f"# {heading(parts)}"]
    for same in by_task(parts).values():
        text.append(f"## {task_name(same)}")
        for part in same:
            text += [f"### {part.title}", " ".join(sentences(part))]
            text += map(sortable.markdown, tables(part))
    return "\n\n".join(text) + "\n"
