"""Text from outside in a CSV file: a spreadsheet that opens it must take it for text."""

import re

# A spreadsheet takes a cell that starts like this for a formula, unless an apostrophe is before it.
_FORMULA = re.compile(r"'*([\t\r\n]|\s*[=+\-@＝＋－＠])")


def escaped(cell: str) -> str:
    """Return the text with an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unescaped(cell: str) -> str:
    """Return the text that `escaped` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
