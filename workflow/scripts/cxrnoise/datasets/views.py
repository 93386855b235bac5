"""View positions: one spelling for each, and how often each occurs."""

import pandas as pd

SPELLINGS = {
    "PA": ("PA", "POSTEROANTERIOR", "POSTERIORANTERIOR", "POSTERIORTOANTERIOR"),
    "AP": ("AP", "ANTEROPOSTERIOR", "ANTERIORPOSTERIOR", "ANTERIORTOPOSTERIOR"),
    "LATERAL": ("LATERAL", "LAT"),
}
KNOWN = {spelling: view for view, spellings in SPELLINGS.items() for spelling in spellings}
EMPTY = "(empty)"


def normal(view: str) -> str:
    """Return PA, AP or LATERAL for any usual spelling, such as `P.A.`; other text as it is.

    Letter case, blanks, punctuation and the word "view" do not matter.
    """
    letters = "".join(filter(str.isalpha, view.upper()))
    return KNOWN.get(letters.removesuffix("VIEW"), view.strip())


def normalised(column: pd.Series) -> pd.Series:
    """Apply `normal` to a column."""
    return column.map({view: normal(view) for view in column.unique()})


def counts(frame: pd.DataFrame) -> dict[str, int]:
    """Count the rows of a frame by their view, the most frequent first."""
    counted = frame["view"].replace("", EMPTY).value_counts()
    return {view: int(number) for view, number in counted.items()}


def described(counted: dict[str, int], used: list[str]) -> str:
    """Return a sentence that names every view with its number, and whether a task uses it."""
    parts = [
        f"{view} {number}" + ("" if view in used else " (no task uses it)")
        for view, number in counted.items()
    ]
    return f"View positions: {', '.join(parts)}."


def wanted(entries: pd.DataFrame, views: list[str]) -> set[str]:
    """Return the file names, without folders, of the images whose view some task may use."""
    images = entries.loc[entries["view"].isin([*map(normal, views), ""]), "image"]
    return set(images.str.replace("^.*/", "", regex=True))
