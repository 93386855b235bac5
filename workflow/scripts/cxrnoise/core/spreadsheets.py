"""Text from users in CSV files: a spreadsheet must not run it as a formula."""

import re

# A spreadsheet reads a cell that starts like this as a formula, unless an apostrophe is before it.
_FORMULA = re.compile(r"'*([\t\r\n]|\s*[=+\-@＝＋－＠])")


def escaped(cell: str) -> str:
    """Return the text, with an apostrophe before it if a spreadsheet would read a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unescaped(cell: str) -> str:
    """Undo `escaped`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
