"""Labels that readers overturned: their table, and how it is laid over the labels of a run.

A table of corrections has a row a label, with the columns `image`, `label` (a finding, or the name
of the column of classes) and `corrected` (present, absent, or the name of a class). Other columns
are for people.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.core.names import slug
from cxrnoise.core.spreadsheets import unescaped
from cxrnoise.datasets import tables
from cxrnoise.tasks import values
from cxrnoise.tasks.columns import listed

log = logging.getLogger(__name__)

KEY = ["image", "label"]
NEEDED = (*KEY, "corrected")


def overturned(labels: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the labels of which the readers say that another value is true.

    Labels that are not given, and those on which the readers did not decide, are none of them.

    Parameters
    ----------
    labels: the table `labels` of the audited run.
    verdicts: image, label, true_label (int8, -1 for not decided), votes, readers.

    Returns
    -------
    One row a label, in the order of `labels`: image, label, given and corrected (int8), votes (how
    many readers say so) and readers (how many there were).
    """
    read = labels[[*KEY, "given_label"]].merge(verdicts, on=KEY)
    read = read.rename(columns={"given_label": "given", "true_label": "corrected"})
    decided = (read["given"] != UNKNOWN) & (read["corrected"] != UNKNOWN)
    found = read[decided & (read["given"] != read["corrected"])].reset_index(drop=True)
    log.info(
        "%d labels were read and decided; %d of them are overturned", decided.sum(), len(found)
    )
    return found[[*KEY, "given", "corrected", "votes", "readers"]]


def in_words(found: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """Return the table of `overturned` with the names of the values."""
    words = dict(enumerate(classes))
    return found.assign(**{name: found[name].map(words) for name in ("given", "corrected")})


def read(path: str | Path, labels: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """Read a table of corrections for the labels of a task.

    Corrections of images that are not in the cohort are counted in the log and left out.

    Parameters
    ----------
    path: see `datasets.tables.read`. Findings may be 1 and 0 besides present and absent.
    labels: the table `labels` of the task; classes: the names of its values.

    Returns
    -------
    One row a label: image, label, and corrected (int8, a place in `classes`).

    Raises `UserError` when a column is missing, no image is in the cohort, the task lacks a
    finding, a value is none of the classes, or a label has two corrections.
    """
    table = tables.read(path)
    lacking = [name for name in NEEDED if name not in table]
    if lacking:
        raise UserError(
            f"The corrections {path} have no column {lacking[0]}: the columns are "
            f"{listed(table.columns)}."
        )
    table = table[list(NEEDED)].map(unescaped)
    inside = table["image"].isin(labels["image"])
    if not inside.any():
        raise UserError(
            f"The corrections {path} are for another data set, because none of their images, such "
            f"as {table['image'].iloc[0]}, is in the cohort: set corrections to another file."
        )
    log.info("left out, of images outside the cohort: %d corrections", (~inside).sum())
    table = table[inside]
    names = {slug(name): name for name in labels["label"].unique()}
    label = table["label"].map(lambda name: names.get(slug(name)))
    _refuse(
        path, table, "label", label.isna(), f"this task has the labels {listed(names.values())}"
    )
    places = _vocabulary(classes)
    value = table["corrected"].map(lambda word: places.get(word, places.get(word.casefold())))
    _refuse(path, table, "corrected", value.isna(), f"a label is one of {listed(classes)}")
    found = table.assign(label=label, corrected=value.astype(np.int8)).drop_duplicates()
    _refuse(path, table, "corrected", found.duplicated(KEY), "another line corrects it otherwise")
    return found.reset_index(drop=True)


def _vocabulary(classes: list[str]) -> Mapping[str, int]:
    """Return the place in `classes` of each word for a value."""
    words = values.KNOWN if classes == values.CLASSES else {}
    return words | {name: place for place, name in enumerate(classes)}


def _refuse(
    path: str | Path, table: pd.DataFrame, column: str, refused: pd.Series, why: str
) -> None:
    """Raise `UserError` that names the first line that is refused."""
    if refused.any():
        line = refused.idxmax()
        image, label = table.loc[line, KEY]
        raise UserError(
            f"The corrections {path} have {table.at[line, column]!r} in line {line}, column "
            f"{column}, for the label {label} of the image {image}, but {why}: mend or delete the "
            "line."
        )


def laid_over(labels: pd.DataFrame, corrections: pd.DataFrame) -> pd.DataFrame:
    """Return the labels with the corrected values as those that are given.

    What the data set reports stays, so that folds are those of the labels without corrections;
    `flipped` says where a given label is another one.

    Parameters
    ----------
    labels: the table `labels` of a run without noise; corrections: the table of `read`.
    """
    corrected = labels[KEY].merge(corrections, how="left", on=KEY)["corrected"]
    corrected = corrected.to_numpy(np.float64)
    given = np.where(np.isnan(corrected), labels["given_label"], corrected).astype(np.int8)
    changed = given != labels["given_label"].to_numpy()
    log.info(
        "%d corrections change a label; %d say what the label says already",
        *(changed.sum(), len(corrections) - changed.sum()),
    )
    flipped = given != labels["reported_label"].to_numpy()
    return labels.assign(given_label=given, flipped=flipped)


def own_data(labels: pd.DataFrame, classes: list[str], views: pd.Series | None) -> pd.DataFrame:
    """Return the labels as a table of one's own, as docs/own-data.md describes it.

    Names are written as they are, without an apostrophe before what a spreadsheet takes for a
    formula, because programs find the files by them.

    Parameters
    ----------
    labels: the table `labels`; classes: the names of its values.
    views: the view of each image, indexed by image; None where it is not known.

    Returns
    -------
    One row an image, text: image, patient, view if it is known, and a column a finding (1, 0, or
    -1 for not known) or the one of the classes, by their names.
    """
    images = labels.drop_duplicates("image").set_index("image")
    columns = {"patient": images["patient"]}
    if views is not None:
        columns["view"] = views.reindex(images.index)
    findings = classes == values.CLASSES
    words = (
        {UNKNOWN: "-1", 0: "0", 1: "1"} if findings else {UNKNOWN: "", **dict(enumerate(classes))}
    )
    for name, rows in labels.groupby("label", sort=False):
        columns[name] = rows.set_index("image")["given_label"].map(words).reindex(images.index)
    return pd.DataFrame(columns).reset_index()
