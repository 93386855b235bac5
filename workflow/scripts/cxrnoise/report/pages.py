"""Tables as people read them: numbers as text, Markdown, and self-contained HTML pages."""

import json
import math
from html import escape
from pathlib import Path

import pandas as pd

from cxrnoise.core.files import replacing
from cxrnoise.core.spreadsheets import escaped

STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #ffffff; --quiet: #5c5c5c;
  --line: #c8c8c8; --alarm: #a02c00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececec; --paper: #161616; --quiet: #a8a8a8; --line: #484848;
    --alarm: #ff9c6e; } }
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: var(--ink);
  background: var(--paper); font: 16px/1.5 system-ui, sans-serif; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: 0 0 2.5rem;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: 0.8rem; max-width: 60rem; }
th, td { padding: 0.3rem 0.7rem; text-align: right; white-space: nowrap; font-weight: normal; }
th.text, td.text { text-align: left; white-space: normal; }
thead th { font-weight: 600; vertical-align: bottom; white-space: normal; }
thead tr:last-child th, thead th[rowspan] { border-bottom: 2px solid var(--ink); }
thead th[colspan] { text-align: center; border-bottom: 1px solid var(--line); }
tbody { border-bottom: 1px solid var(--line); }
tr.paper td, tr.paper th, small { color: var(--quiet); }
tbody th[rowspan] { vertical-align: top; }
td.alarm { color: var(--alarm); font-weight: 600; }
footer { color: var(--quiet); font-size: 0.875rem; }
footer dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; }
footer dd { margin: 0; overflow-wrap: anywhere; }
"""


def shortest(value: float, decimals: int) -> str:
    """Return a number without trailing zeros, with at most `decimals`; "" for a missing one."""
    if math.isnan(value):
        return ""
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def markdown_table(header: list[str], rows: list[list[str]], left: int = 0) -> str:
    """Return a Markdown table, its first `left` columns aligned to the left, the others right."""
    rule = [":---"] * left + ["---:"] * (len(header) - left)
    lines = [[cell.replace("|", r"\|") for cell in cells] for cells in [header, rule, *rows]]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def html_page(title: str, heading: str, content: str, provenance: str) -> str:
    """Return a self-contained HTML page.

    Parameters
    ----------
    title, heading: plain text; content: HTML.
    provenance: the JSON text of `provenance.describe`, shown at the foot of the page.
    """
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>{escape(heading)}</h1>
{content}
</main>
{_html_footer(provenance)}
</body>
</html>
"""


def html_table(name: str, about: str, head: str, bodies: str) -> str:
    """Return a table that scrolls by itself.

    Parameters
    ----------
    name: for screen readers; about: the caption, plain text; head, bodies: HTML.
    """
    return (
        f'<div class="scroll" role="region" aria-label="{escape(name)}" tabindex="0">\n'
        f"<table>\n<caption>{escape(about)}</caption>\n{head}\n{bodies}\n</table>\n</div>"
    )


def small_interval(cell: str) -> str:
    """Return plain text as HTML, its interval in brackets set small."""
    return escape(cell).replace("[", "<small>[").replace("]", "]</small>")


def _html_footer(provenance: str) -> str:
    made = json.loads(provenance)
    facts = {"code": made["code"], **made["config"], **made["packages"]}
    items = "\n".join(
        f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in facts.items()
    )
    return f"<footer>\n<h2>What made this table</h2>\n<dl>\n{items}\n</dl>\n</footer>"


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table with at most six decimals a number and an empty field for what is missing.

    No text is a formula to a spreadsheet.
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
