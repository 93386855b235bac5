"""Predictions from elsewhere: a file of out-of-fold probabilities in place of a training.

A file has a row an image and, in any order and case, with spaces or underscores,

- `image` (or `image_index`, `path`, `filename`, `file`, `id`),
- optionally `patient` (or `patient_id`); without it each image is a patient,
- for exclusive classes: `given_label` (or `given`, `label`, `noisy_label`), optionally
  `true_label` (or `true`, `truth`, `clean_label`), and one probability a class, in columns that
  are called as the labels are, or p0, p_cat, prob_cat, probability_cat;
- for several findings: `given_X`, `p_X` and optionally `true_X` for each finding X, in which
  given and true are 1, 0 and the like (see `tasks/values.py`).
"""

import logging
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.core.names import slug
from cxrnoise.tasks import values
from cxrnoise.tasks.cohorts import COLUMNS, Cohort, leave_out
from cxrnoise.tasks.columns import listed

SPLIT = "test"
IMAGE = ("image", "image_index", "path", "filename", "file", "id")
PATIENT = ("patient", "patient_id")
GIVEN = ("given_label", "given", "label", "noisy_label")
TRUE = ("true_label", "true", "truth", "clean_label")
MARKED = re.compile(r"(?:p(?=\d)|(?:p|prob|proba|probability)[_ ])(.+)", re.IGNORECASE)
GIVEN_FINDING = re.compile(r"given[_ ](.+)", re.IGNORECASE)
TOLERANCE = 0.01  # of the sum of an image's probabilities, for files with two decimals


def cohort(index: pd.DataFrame | None, options: Mapping, seed: int) -> Cohort:
    """Return the labels of the file as a cohort; all images are the test split.

    Options: file, uncertain, empty, words.
    """
    left_out: dict[str, int] = {}
    labels, _, classes, exclusive = read(options["file"], options, left_out)
    return Cohort(labels, classes if exclusive else values.CLASSES, exclusive, left_out)


def read(
    path: str | Path, options: Mapping, left_out: dict[str, int] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, list[str], bool]:
    """Read a CSV or Parquet file of predictions.

    Parameters
    ----------
    left_out: takes the number of images without a given label.

    Returns
    -------
    labels: the frame of a `Cohort`, sorted by image.
    predictions: image, split and a float32 column a class, or a finding, in the same order.
    classes: the names of these columns.
    exclusive: whether they are classes, of which an image has one.
    Raises `UserError` when a column is missing, an image is there twice, the probabilities of an
    image do not sum to one, or a label is none of the classes.
    """
    table = _table(path)
    image = _column(table, IMAGE)
    if image is None:
        raise _lacks(path, "image", table)
    table = table.assign(**{image: _texts(table[image])}).sort_values(image, ignore_index=True)
    _check_images(table[image], path)
    patient = _column(table, PATIENT)
    people = table[image] if patient is None else _texts(table[patient])
    images = pd.DataFrame({"image": table[image], "patient": people, "split": SPLIT})
    rest = table.drop(columns=[image] if patient is None else [image, patient])
    if _column(rest, GIVEN) is not None:
        return _of_classes(images, rest, path, {} if left_out is None else left_out)
    findings = [match[1] for match in map(GIVEN_FINDING.fullmatch, rest.columns) if match]
    if not findings:
        raise _lacks(path, "given_label", table)
    return _of_findings(images, rest, path, findings, values.rules(options))


def _of_classes(
    images: pd.DataFrame, table: pd.DataFrame, path: str | Path, left_out: dict[str, int]
):
    given, true = _column(table, GIVEN), _column(table, TRUE)
    others = table.drop(columns=[given] if true is None else [given, true])
    columns = _probability_columns(others, path)
    classes = [_unmarked(name) for name in columns]
    probabilities = _probabilities(others[columns], images["image"], path)
    probabilities = _summing_to_one(probabilities, columns, images["image"], path)
    reported = _numbers(table[given], classes, images["image"], path)
    truth = np.full(len(table), UNKNOWN, np.int8)
    if true is not None:
        truth = _numbers(table[true], classes, images["image"], path)
    known = reported != UNKNOWN
    leave_out(left_out, "without a given label", (~known).sum())
    labels = _labels(images, "label", truth, reported)
    predictions = _predictions(images, probabilities, classes)
    return _only(labels, known), _only(predictions, known), classes, True


def _of_findings(
    images: pd.DataFrame, table: pd.DataFrame, path: str | Path, findings: list[str], rules
):
    columns = [_column(table, (slug(f"p_{finding}"),)) for finding in findings]
    if None in columns:
        raise _lacks(path, f"p_{findings[columns.index(None)]}", table)
    probabilities = _probabilities(table[columns], images["image"], path)
    cells = table.apply(_texts).assign(image=images["image"])
    reported = [_values(cells, "given", finding, rules) for finding in findings]
    truth = [_values(cells, "true", finding, ("masked", "masked")) for finding in findings]
    repeated = images.loc[images.index.repeat(len(findings))].reset_index(drop=True)
    names = np.tile(findings, len(images))
    labels = _labels(repeated, names, np.ravel(truth, order="F"), np.ravel(reported, order="F"))
    predictions = _predictions(images, probabilities, findings)
    return labels, predictions, findings, False


def _values(cells: pd.DataFrame, kind: str, finding: str, rules) -> np.ndarray:
    """Return what a column such as `true_X` says, int8; -1 if there is no such column."""
    column = _column(cells, (slug(f"{kind}_{finding}"),))
    if column is None:
        return np.full(len(cells), UNKNOWN, np.int8)
    return values.read(cells, column, *rules)


def _table(path: str | Path) -> pd.DataFrame:
    try:
        if str(path).endswith(".parquet"):
            return pd.read_parquet(path)
        return pd.read_csv(
            path, dtype=str, encoding="utf-8-sig", sep=_separator(path), keep_default_na=False
        )
    except (OSError, ValueError) as error:
        raise UserError(
            f"The predictions {path} cannot be read ({' '.join(str(error).split())}): give a CSV "
            "file, or a Parquet file whose name ends in .parquet."
        ) from error


def _separator(path: str | Path) -> str:
    with open(path, encoding="utf-8-sig") as file:
        header = file.readline()
    return max(",;\t", key=header.count)


def _column(table: pd.DataFrame, names: tuple[str, ...]) -> str | None:
    """Return the column that has one of the names, the first of them that is there."""
    found = {slug(column): column for column in table.columns}
    return next((found[name] for name in names if name in found), None)


def _texts(column: pd.Series) -> pd.Series:
    """Return the cells as text; an empty cell is "", and where all are whole numbers 6.0 is "6"."""
    texts = column.astype(str).where(column.notna(), "").str.strip().astype(str)
    whole = texts.str.fullmatch(r"(\d+(\.0)?)?").all()
    return texts.str.removesuffix(".0") if whole else texts


def _check_images(images: pd.Series, path: str | Path) -> None:
    if (images == "").any():
        raise UserError(
            f"The predictions {path} have a row without an image: name it or delete it."
        )
    twice = images[images.duplicated()]
    if len(twice):
        raise UserError(
            f"The predictions {path} have the image {twice.iloc[0]} twice: leave one row an image."
        )


def _probability_columns(table: pd.DataFrame, path: str | Path) -> list[str]:
    """Return the columns marked as probabilities, else all that hold numbers from 0 to 1."""
    columns = [name for name in table.columns if MARKED.fullmatch(name)]
    if not columns:
        numbers = table.apply(pd.to_numeric, errors="coerce")
        columns = list(table.columns[numbers.ge(0).all() & numbers.le(1).all()])
    if len(columns) < 2:
        raise _lacks(path, "p_ and the name of the class, one for each class,", table)
    others = [name for name in table.columns if name not in columns]
    if others:
        logging.info("columns of %s that are not used: %s", path, ", ".join(others))
    return columns


def _unmarked(name: str) -> str:
    marked = MARKED.fullmatch(name)
    return marked[1] if marked else name.strip()


def _probabilities(table: pd.DataFrame, images: pd.Series, path: str | Path) -> np.ndarray:
    """Return float64 (n, K)."""
    numbers = table.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    wrong = ~((numbers >= 0) & (numbers <= 1))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise UserError(
            f"The predictions {path} have {table.iat[row, column]} in the column "
            f"{table.columns[column]} for the image {images[row]}: a probability is a number from "
            "0 to 1 (logits must go through a softmax or sigmoid first)."
        )
    return numbers


def _summing_to_one(
    probabilities: np.ndarray, columns: list[str], images: pd.Series, path: str | Path
) -> np.ndarray:
    """Return the probabilities of each image divided by their sum, which must be near one."""
    sums = probabilities.sum(axis=1)
    wrong = np.flatnonzero(abs(sums - 1) > TOLERANCE)
    if len(wrong):
        raise UserError(
            f"The predictions {path} have probabilities of the image {images[wrong[0]]} that sum "
            f"to {sums[wrong[0]]:.3f} (columns {listed(columns)}; {len(wrong)} images in all): "
            "they must sum to one. For several findings an image, name the columns given_X and "
            "p_X."
        )
    return probabilities / sums[:, None]


def _numbers(
    labels: pd.Series, classes: list[str], images: pd.Series, path: str | Path
) -> np.ndarray:
    """Return the number of each label's class as int8, -1 where there is no label."""
    places = {name: number for number, name in enumerate(classes)} | {"": UNKNOWN}
    texts = _texts(labels)
    unknown = ~texts.isin(places)
    if unknown.any():
        raise UserError(
            f"The predictions {path} have the {labels.name} {texts[unknown].iloc[0]} for the image "
            f"{images[unknown].iloc[0]}, and there is no column of its probability: the classes "
            f"are {listed(classes)}."
        )
    return texts.map(places).to_numpy(np.int8)


def _labels(images: pd.DataFrame, label, truth: np.ndarray, reported: np.ndarray) -> pd.DataFrame:
    columns = {"label": label, "true_label": truth, "reported_label": reported}
    return images.assign(mirrored=False, **columns)[list(COLUMNS)]


def _predictions(images: pd.DataFrame, values: np.ndarray, names: list[str]) -> pd.DataFrame:
    columns = pd.DataFrame(values.astype(np.float32), columns=names)
    return images[["image", "split"]].join(columns)


def _only(table: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
    return table[rows].reset_index(drop=True)


def _lacks(path: str | Path, name: str, table: pd.DataFrame) -> UserError:
    return UserError(
        f"The predictions {path} have no column {name}: the columns are {listed(table.columns)}."
    )
