"""The ways in which an audit divides an archive, to see where the wrong labels are."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cxrnoise.datasets.columns import key
from cxrnoise.tasks import columns

SEX = ("sex", "gender", "patientsex", "patientgender")  # as `columns.key` leaves them
AGE = ("age", "patientage")
AGES = {"0-17": 18, "18-39": 40, "40-59": 60, "60-79": 80, "80 and more": 121}  # years below
NOT_KNOWN, OTHER = "not known", "other values"
MOST = 20  # values of a column that are counted apart


def groups(index: pd.DataFrame, named: Sequence[str] = ()) -> pd.DataFrame:
    """Return to which groups each image belongs.

    Parameters
    ----------
    index: the manifest `index`.
    named: further columns of the metadata, from the configuration.

    Returns
    -------
    image and a text column for each way to divide the images: view, sex and age where the metadata
    have them, and the named columns. A column with one value divides nothing and is left out. The
    `MOST` most frequent values stand alone, the others are together.

    Raises `UserError` when the metadata do not have a named column.
    """
    found = {"view": index["view"]}
    for name in columns.of_labels(index):
        if key(name) in SEX:
            found["sex"] = index[name]
        elif key(name) in AGE:
            found["age"] = _ages(index[name])
    for name in named:
        found[name] = index[columns.named(index, name, "audit.columns")]
    divided = {name: _grouped(values) for name, values in found.items()}
    kept = {name: values for name, values in divided.items() if values.nunique() > 1}
    return pd.DataFrame({"image": index["image"], **kept})


def _grouped(values: pd.Series) -> pd.Series:
    """Return the values as text, an empty one and the rare ones by other names."""
    text = values.astype(str).str.strip().replace("", NOT_KNOWN)
    frequent = text.value_counts().index[:MOST]
    return text.where(text.isin(frequent), OTHER)


def _ages(values: pd.Series) -> pd.Series:
    """Return the group of each age, given in years as 58 or, as DICOM has it, 058Y or 006M."""
    parts = values.astype(str).str.strip().str.extract(r"^(\d+)(?:\.\d+)?([YyMmWwDd]?)$")
    years = pd.to_numeric(parts[0]).where(parts[1].fillna("").str.upper().isin(["", "Y"]), 0)
    years = years.where(parts[0].notna())
    places = np.searchsorted(list(AGES.values()), years.fillna(np.inf), side="right")
    return pd.Series(np.array([*AGES, ""])[places], index=values.index)
