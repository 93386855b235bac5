"""Tables that sort by their headers on a page, and as Markdown."""

from dataclasses import dataclass
from typing import NamedTuple

from cxrnoise.report.pages import markdown_table


class Cell(NamedTuple):
    """A cell: its value, its interval below it, a word, and the number by which it sorts."""

    value: str
    interval: str = ""
    word: str = ""
    key: float | str = ""


@dataclass(frozen=True)
class Table:
    """A table that sorts; `by` is the column that it is sorted by, falling.

    text: how many columns, from the left, are text. name: for screen readers.
    """

    name: str
    caption: str
    header: list[str]
    rows: list[list[Cell]]
    text: int = 1
    by: int = -1


def markdown(table: Table) -> str:
    """Return a table and its caption as Markdown."""
    rows = [[_flat(one) for one in row] for row in table.rows]
    return f"{markdown_table(table.header, rows, left=table.text)}\n\n{table.caption}"


def _flat(one: Cell) -> str:
    word = f"({one.word})" if one.word else ""
    return " ".join(text for text in (one.value, one.interval, word) if text)
