"""The text of a cell as the value of a label."""

import logging
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import UNKNOWN

ABSENT, PRESENT = 0, 1
CLASSES = ["absent", "present"]
MEANINGS = {"absent": ABSENT, "present": PRESENT, "masked": UNKNOWN}
WORDS = {
    ABSENT: ("0", "0.0", "false", "no", "n"),
    PRESENT: ("1", "1.0", "true", "yes", "y"),
}
UNCERTAIN = ("-1", "-1.0")  # as CheXpert writes it
EMPTY = ("",)
KNOWN = {word: value for value, words in WORDS.items() for word in words}


def read(
    table: pd.DataFrame,
    column: str,
    uncertain: str = "masked",
    empty: str = "absent",
    words: Mapping[str, str] = MappingProxyType({}),
) -> np.ndarray:
    """Return what the cells of a column say of a finding: int8, 1, 0 or -1 (not known).

    Upper and lower case are the same. Uncertain and empty cells are counted in the log.

    Parameters
    ----------
    table: has the column `image`, which an error names.
    uncertain: what -1 means: `masked` (not known), `absent` or `present`.
    empty: what an empty cell means: `absent` or `masked`.
    words: what other spellings mean: `present`, `absent` or `masked`.

    Raises `UserError` that names column, value and image when a cell says something else.
    """
    codes, texts = pd.factorize(table[column])
    found = [word_of(text) for text in texts]
    meanings = KNOWN | dict.fromkeys(UNCERTAIN, MEANINGS[uncertain])
    meanings |= dict.fromkeys(EMPTY, MEANINGS[empty])
    meanings |= {word_of(word): MEANINGS[meaning] for word, meaning in words.items()}
    for code, word in enumerate(found):
        if word not in meanings:
            raise UserError(
                f"The column {column} of the metadata has {texts[code]!r} for the image "
                f"{table['image'].iloc[np.argmax(codes == code)]}: a finding is 1 or 0, TRUE or "
                "FALSE, yes or no, -1 (uncertain) or empty; table.words takes other spellings."
            )
    for name, kind, meaning in (("uncertain", UNCERTAIN, uncertain), ("empty", EMPTY, empty)):
        count = np.isin(codes, [code for code, word in enumerate(found) if word in kind]).sum()
        if count:
            logging.info("%s: %d %s cells are taken as %s", column, count, name, meaning)
    return np.array([meanings[word] for word in found], np.int8)[codes]


def rules(options: Mapping) -> tuple[str, str, Mapping[str, str]]:
    """Return uncertain, empty and words of `read`, by a task's options."""
    return (
        options.get("uncertain", "masked"),
        options.get("empty", "absent"),
        options.get("words", {}),
    )


def is_finding_column(column: pd.Series, words: Iterable[str] = ()) -> bool:
    """Whether every cell is a value of a finding, and one at least is not empty or uncertain.

    words: other spellings, see `read`.
    """
    found = {word_of(text) for text in column.unique()}
    known = {*KNOWN, *map(word_of, words)}
    return found <= {*known, *UNCERTAIN, *EMPTY} and not found.isdisjoint(known)


def word_of(text: object) -> str:
    """Return a cell as it is compared with the spellings of values."""
    return str(text).strip().casefold()
