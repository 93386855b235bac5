"""The audit as people read it: how many labels are wrong, where they are, and what it changes."""

import base64
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cxrnoise.audit.counts import ALL, ANY, DIFFERENCE, STRATIFIED
from cxrnoise.audit.impact import MEAN
from cxrnoise.audit.readers import AC1, COHEN, FLEISS, SAME
from cxrnoise.report import audited, impact, sortable
from cxrnoise.report.audited import Audit, percent, whole
from cxrnoise.report.detected import Number, capital
from cxrnoise.report.detection import DIRECTIONS, cell
from cxrnoise.report.pages import html_page
from cxrnoise.report.sortable import Cell, Table
from cxrnoise.tasks import values

STATISTICS = {
    FLEISS: "Fleiss’ kappa",
    AC1: "Gwet’s AC1",
    COHEN: "Cohen’s kappa",
    SAME: "same answer to a repeated case",
}
NOT_READ = "not read"


LIST, IMPACT = "list", "impact"  # the parts that are sections of their own in the report


@dataclass(frozen=True)
class Part:
    """A part of the page: sentences, tables, and tables that are folded at first."""

    title: str
    sentences: list[str]
    tables: list[Table]
    folded: list[Table]
    figure: str = ""  # SVG in base64


def title(audit: Audit) -> str:
    """Return the title of the page, with its warnings before it."""
    return f"{audit.warnings}Which labels are wrong: {audit.dataset}, {audit.task}"


def parts(audit: Audit) -> dict[str, Part]:
    """Return all parts of the page by name, in their order, but the paragraph in short."""
    where, within = _places(audit)
    agreed, agreed_within = _agreements(audit)
    return {
        "count": _part("How many labels are wrong", audited.count(audit), [_counts(audit)]),
        "places": _part("Where the wrong labels are", _about_places(audit), where, within),
        "agreement": _part(
            "How far the readers agree", audited.agreement(audit), agreed, agreed_within
        ),
        "first": _part(
            "What to expect among the first labels", audited.first(audit), [_first(audit)]
        ),
        LIST: _part(
            f"The first {len(audit.ranking)} labels of the ranking",
            audited.ranking(audit.ranking),
            [ranked(audit.ranking, audit.classes)],
        ),
        "corrections": _part("Corrections", audited.corrections(audit), []),
        IMPACT: Part(
            "What corrected labels change",
            list(audited.impact(audit)),
            _impacts(audit),
            [],
            base64.b64encode(audit.figure).decode(),
        ),
        "images": _part("Which images were read", audited.images(audit), []),
    }


def _part(
    name: str, sentences: Iterable[str], tables: list[Table], folded: list[Table] = ()
) -> Part:
    return Part(name, list(sentences), tables, list(folded))


def _bounds(low: str, high: str) -> str:
    return f"[{low} to {high}]"


def _key(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def _number(value: float) -> Cell:
    """Return the cell of a number without an interval."""
    return Cell(whole(value), key=_key(value))


def _estimated(row: dict, name: str, low: str, high: str, word: str = "") -> Cell:
    """Return the cell of a number of labels; name, low and high are columns of its row."""
    bounds = _bounds(whole(row[low]), whole(row[high]))
    return Cell(whole(row[name]), bounds, word, _key(row[name]))


def _wrong(row: dict) -> Cell:
    """Return the cell of the count of wrong labels."""
    word = "none read" if math.isnan(row["wrong"]) else ""
    return _estimated(row, "wrong", "wrong_low", "wrong_high", word)


def _share(row: dict) -> Cell:
    bounds = _bounds(percent(row["share_low"]), percent(row["share_high"]))
    return Cell(percent(row["share"]), bounds, key=_key(row["share"]))


def _text(text: str) -> Cell:
    return Cell(text, key=text)


def _header(audit: Audit) -> list[str]:
    """Return the headers of a count and its share."""
    return ["Contradict the reader" if audit.single else "Wrong labels", "Share, %"]


def _counts(audit: Audit) -> Table:
    """Return the table of the whole archive, all labels first."""
    names = ["Finding", "Error"] if audit.findings else ["Given class"]
    header = [*names, *_header(audit), "Labels", "Read", "Found wrong"]
    unsure = audit.whole["unsure"].sum() > 0
    header += ["Not decided", "If these are all right, or all wrong"] if unsure else []
    rows = []
    for row in audit.whole.to_dict("records"):
        counts = (row["method"] == DIFFERENCE) == (row["label"] == ALL)
        method = row["method"] if counts else f"{row['method']}, to compare"
        cells = [Cell(row["label"], word=method, key=row["label"])]
        cells += [_text(DIRECTIONS[row["direction"]])] if audit.findings else []
        cells += [_wrong(row), _share(row)]
        cells += [_number(row[name]) for name in ("labels", "read", "found")]
        cells += [_number(row["unsure"]), _undecided(row)] if unsure else []
        rows.append(cells)
    about = "Estimated for the whole archive, with 95 % intervals in brackets."
    if unsure:
        about += (
            " Labels that readers did not decide are left out; the last column says how far the "
            "interval would reach if all of them were right, or all wrong."
        )
    about += " The numbers are in count.csv."
    return Table("The count", about, header, rows, text=len(names))


def _undecided(row: dict) -> Cell:
    bounds = (row["wrong_if_unsure_right_low"], row["wrong_if_unsure_wrong_high"])
    return Cell(f"{whole(bounds[0])} to {whole(bounds[1])}", key=_key(bounds[1]))


def _about_places(audit: Audit) -> Iterator[str]:
    if not _places(audit)[0]:
        yield (
            "The metadata have no column that divides the archive, such as view, sex or age. Name "
            "others in the key audit.columns."
        )
        return
    yield (
        "The same count in parts of the archive. Each interval is about its own part: where two "
        "overlap, the parts may be alike, and of twenty intervals about one misses its number."
    )


def _places(audit: Audit) -> tuple[list[Table], list[Table]]:
    """Return a table of all labels for each way to divide the archive, and those of findings."""
    parts = audit.counts[(audit.counts["by"] != "") & (audit.counts["direction"] == ANY)]
    parts = parts[parts.groupby("by")["value"].transform("nunique") > 1]
    parts = parts.sort_values("value", kind="stable")
    everything = parts[(parts["label"] == ALL) & (parts["method"] == DIFFERENCE)]
    of_labels = parts[(parts["label"] != ALL) & (parts["method"] == STRATIFIED)]
    return (
        [_place(audit, by, rows) for by, rows in everything.groupby("by")],
        [_place(audit, by, rows) for by, rows in of_labels.groupby("by")],
    )


def _place(audit: Audit, by: str, rows: pd.DataFrame) -> Table:
    total = (rows["label"] == ALL).all()
    kind = "finding" if audit.findings else "given class"
    header = [capital(by), *([] if total else [capital(kind)])]
    header += [*_header(audit), "Labels", "Read", "Found wrong"]
    cells = [
        [
            _text(row["value"]),
            *([] if total else [_text(row["label"])]),
            _wrong(row),
            _share(row),
            *(_number(row[name]) for name in ("labels", "read", "found")),
        ]
        for row in rows.to_dict("records")
    ]
    about = "All labels, difference estimate." if total else f"Each {kind}, stratified estimate."
    name = f"By {by}" if total else f"By {by} and {kind}"
    return Table(name, f"{name}. {about}", header, cells, text=1 if total else 2)


def _agreements(audit: Audit) -> tuple[list[Table], list[Table]]:
    """Return the table of all findings together, or of the one, and that of each finding."""
    table = audit.agreement
    if table.empty:
        return [], []
    together = table["label"] == ALL
    if not together.any():
        return [_agreement("Agreement", table)], []
    return (
        [_agreement("All findings together", table[together])],
        [_agreement("Agreement in each finding", table[~together])],
    )


def _agreement(name: str, rows: pd.DataFrame) -> Table:
    cells = [
        [
            _text(row["label"]),
            _text(STATISTICS[row["statistic"]]),
            _text(row["reader"]),
            cell(Number(row["estimate"], row["low"], row["high"])),
            _number(row["n"]),
        ]
        for row in rows.to_dict("records")
    ]
    about = f"{name}: the numbers are in agreement.csv."
    if (rows["label"] == ALL).all():
        about += " They have no interval, because the labels of an image are alike."
    header = ["Finding", "Statistic", "Readers", "Estimate", "Labels"]
    return Table(name, about, header, cells, text=3)


def _first(audit: Audit) -> Table:
    rows = [
        [
            _number(row["k"]),
            _estimated(row, "wrong", "low", "high"),
            _number(row["read"]),
            _estimated(row, "remaining", "remaining_low", "remaining_high"),
        ]
        for row in audit.first.to_dict("records")
    ]
    header = ["First labels", "Wrong among them", "Read among them", "Wrong labels that remain"]
    about = (
        "How many wrong labels to expect among the first of the ranking, and how many remain in "
        "the archive once these are mended, with 95 % prediction intervals in brackets. The "
        "numbers are in first.csv."
    )
    return Table("The first labels", about, header, rows, text=0)


def ranked(ranking: pd.DataFrame, classes: list[str]) -> Table:
    """Return the table of labels of the ranking.

    Parameters
    ----------
    ranking: rows of the manifest `calibrated` or, where nobody has read, `ranking`.
    classes: the names of its values.
    """
    words, read = dict(enumerate(classes)), "verdict" in ranking
    rows = []
    for row in ranking.to_dict("records"):
        cells = [_text(str(row["rank"])), _text(row["image"]), _text(row["label"])]
        cells += [_text(words[row["given_label"]]), _text(words[row["suggested"]])]
        if read:
            cells += [_text(row["verdict"] or NOT_READ), _probability(row["calibrated"])]
        rows.append([*cells, _probability(row["probability"])])
    header = ["Rank", "Image", "Finding" if classes == values.CLASSES else "Label", "Given"]
    header += ["The model suggests"]
    if read:
        header += ["Readers: the given label is", "Probability that it is wrong, calibrated"]
    header += ["The model’s, not calibrated" if read else "Probability, not calibrated"]
    about = "The labels that are most likely wrong, the most likely first."
    return Table("The first of the ranking", about, header, rows, text=6 if read else 5)


def _probability(value: float) -> Cell:
    return Cell(f"{value:.3f}", key=_key(value))


def _impacts(audit: Audit) -> list[Table]:
    """Return a table for each comparison."""
    return [
        _impact(audit, (name, before, after), audited.impact_rows(audit, comparison))
        for comparison, (name, before, after) in impact.COMPARISONS.items()
        if (audit.impact["comparison"] == comparison).any()
    ]


def _impact(audit: Audit, names: tuple[str, str, str], rows: pd.DataFrame) -> Table:
    name, before, after = names
    mean = f"mean of the {'findings' if audit.findings else 'classes'}"
    cells = []
    for row in rows.to_dict("records"):
        shift = audited.side(row, "difference")
        measure = impact.NAMES[row["measure"]]
        cells.append(
            [
                _text(mean if row["label"] == MEAN else row["label"]),
                _text(measure),
                cell(audited.side(row, "before")),
                cell(audited.side(row, "after")),
                cell(shift, signed=True)._replace(word=_word(shift)),
                _number(row["images"]),
            ]
        )
    kind = "Finding" if audit.findings else "Class"
    header = [kind, "Measure", capital(before), capital(after), "Difference", "Images"]
    how = next((text for text in rows["how"] if text), "")
    about = f"{name}. In brackets 95 % intervals{': ' if how else ''}{how}."
    return Table(name, about, header, cells, text=2)


def _word(shift: Number) -> str:
    if shift.low > 0:
        return "higher"
    if shift.high < 0:
        return "lower"
    return "no clear difference" if shift.low <= 0 else ""


def html(audit: Audit, templates: str | Path, provenance: str) -> str:
    """Return one self-contained HTML page.

    Parameters
    ----------
    templates: the folder of the templates.
    provenance: the JSON text of `provenance.describe`, shown at the foot of the page.
    """
    return html_page(
        templates,
        "audit.html",
        provenance,
        title=title(audit),
        heading=title(audit),
        short=" ".join(audited.short(audit)),
        level=2,
        warnings="",
        parts=parts(audit).values(),
    )


def markdown(audit: Audit) -> str:
    """Return the sentences and all tables as Markdown."""
    text = [f"# {title(audit)}", "## In short", " ".join(audited.short(audit))]
    for part in parts(audit).values():
        text += [f"## {part.title}", " ".join(part.sentences)]
        for table in [*part.tables, *part.folded]:
            text += [f"### {table.name}", sortable.markdown(table)]
    return "\n\n".join(text) + "\n"
