"""Names of label columns, as people spell them."""

from collections.abc import Iterable
from difflib import get_close_matches

import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.names import slug

# The columns of the index that are not from the metadata's labels.
OF_THE_IMAGE = (
    "image",
    "patient",
    "view",
    "source",
    "path",
    "bytes",
    "width",
    "height",
    "shard",
)


def of_labels(index: pd.DataFrame) -> list[str]:
    """Return the columns of the index that may hold labels."""
    return [name for name in index.columns if name not in OF_THE_IMAGE]


def named(index: pd.DataFrame, name: str, key: str) -> str:
    """Return the column that `name` means, whatever its case, with spaces or underscores.

    Raises `UserError` that names the configuration key when there is none.
    """
    known = {slug(column): column for column in of_labels(index)}
    if slug(name) not in known:
        raise UserError(
            f"{key} is {name}, but the metadata has no such column: {_hint(name, known)}."
        )
    return known[slug(name)]


def _hint(name: str, known: dict[str, str]) -> str:
    alike = get_close_matches(slug(name), known, n=1)
    if alike:
        return f"you may mean {known[alike[0]]}"
    return f"choose one of {listed(known.values())}"


def listed(names: Iterable[object], most: int = 10) -> str:
    """Return names as a text for people, the first `most` of them."""
    texts = [str(name) for name in names]
    more = [f"… ({len(texts) - most} more)"] if len(texts) > most else []
    return ", ".join([*texts[:most], *more])
