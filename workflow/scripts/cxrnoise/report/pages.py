"""Tables as people read them: numbers as text, Markdown, HTML pages from templates, and CSV."""

import json
import math
from pathlib import Path

import pandas as pd
from markupsafe import Markup, escape
from tabulate import tabulate

from cxrnoise.core.files import replacing
from cxrnoise.core.spreadsheets import escaped
from cxrnoise.core.templates import environment


def shortest(value: float, decimals: int) -> str:
    """Return a number without trailing zeros, with at most `decimals`; "" for a missing one."""
    if math.isnan(value):
        return ""
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def markdown_table(header: list[str], rows: list[list[str]], left: int = 0) -> str:
    """Return a Markdown table, its first `left` columns aligned to the left, the others right."""
    alignment = ["left"] * left + ["right"] * (len(header) - left)
    header, *rows = [[cell.replace("|", r"\|") for cell in cells] for cells in [header, *rows]]
    return tabulate(rows, header, tablefmt="pipe", colalign=alignment, disable_numparse=True)


def html_page(templates: str | Path, name: str, provenance: str, **values: object) -> str:
    """Return a self-contained HTML page.

    Parameters
    ----------
    templates: the folder of the templates; name: the template.
    provenance: the JSON text of `provenance.describe`, shown at the foot of the page.
    values: what the template uses; plain text is escaped.
    """
    made = json.loads(provenance)
    facts = {"code": made["code"], **made["config"], **made["packages"]}
    return html(templates, name, facts=facts, **values)


def html(templates: str | Path, name: str, **values: object) -> str:
    """Return what a template makes of values; plain text is escaped."""
    made = environment(templates, html=True)
    made.filters["small_interval"] = small_interval
    return made.get_template(name).render(**values)


def small_interval(cell: str) -> Markup:
    """Return plain text as HTML, its interval in brackets set small."""
    return Markup(str(escape(cell)).replace("[", "<small>[").replace("]", "]</small>"))


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table with at most six decimals a number and an empty field for what is missing.

    A spreadsheet takes no text of it for a formula.
    """
    text = table.map(
        lambda cell: escaped(cell) if isinstance(cell, str) else shortest(float(cell), 6)
    )
    with replacing(path) as temporary:
        text.to_csv(temporary, index=False, lineterminator="\n")


def write_text(text: str, path: str | Path) -> None:
    """Write a page, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
