"""The Parquet files between the steps: their columns, and reading that checks them."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cxrnoise.core.errors import UserError
from cxrnoise.core.files import replacing

SPLITS = ("train", "val", "test")
UNKNOWN = -1  # the value of a label that is missing, masked or not known

TEXT, NUMBER, LABEL = pa.string(), pa.float64(), pa.int8()

_COHORT = {
    "image": TEXT,
    "patient": TEXT,
    "split": TEXT,
    "label": TEXT,
    "mirrored": pa.bool_(),
    "true_label": LABEL,
    "reported_label": LABEL,
}
_RANKING = {
    "image": TEXT,
    "patient": TEXT,
    "label": TEXT,
    "given_label": LABEL,
    "suggested": LABEL,
    "probability": NUMBER,
    "score": NUMBER,
    "rank": pa.int64(),
}
_COLUMNS = {
    "listing": {
        "file": TEXT,
        "source": TEXT,
        "path": TEXT,
        "bytes": pa.int64(),
        "sha256": TEXT,
        "width": pa.int32(),
        "height": pa.int32(),
        "view": TEXT,
        "problem": TEXT,
        "remark": TEXT,
    },
    "index": {
        "image": TEXT,
        "patient": TEXT,
        "view": TEXT,
        "source": TEXT,
        "path": TEXT,
        "bytes": pa.int64(),
        "width": pa.int32(),
        "height": pa.int32(),
        "shard": pa.int32(),
    },
    "cohort": _COHORT,
    "labels": _COHORT | {"given_label": LABEL, "flipped": pa.bool_()},
    "dynamics": {
        "image": TEXT,
        "label": TEXT,
        "margin": NUMBER,
        "probability": NUMBER,
        "forgotten": NUMBER,
        "epochs": NUMBER,
    },
    "predictions": {"image": TEXT, "split": TEXT},
    "verdicts": {
        "image": TEXT,
        "label": TEXT,
        "true_label": LABEL,
        "given_label": LABEL,
        "flipped": pa.bool_(),
        "predicted": LABEL,
        "mc_predicted": LABEL,
        "suggestion_right": pa.bool_(),
        "verdict": TEXT,
    },
    "scores": {
        "image": TEXT,
        "label": TEXT,
        "score": TEXT,
        "value": NUMBER,
        "paper_value": NUMBER,
        "group": TEXT,
    },
    "reads": {"image": TEXT, "label": TEXT, "reader": TEXT, "answer": LABEL},
    "ranking": _RANKING,
    "calibrated": _RANKING | {"calibrated": NUMBER, "verdict": TEXT},
    "design": {
        "image": TEXT,
        "patient": TEXT,
        "stratum": TEXT,
        "number": NUMBER,
        "expected": NUMBER,
        "weight": NUMBER,
        "rank": pa.int64(),
    },
    "sample": {
        "image": TEXT,
        "patient": TEXT,
        "stratum": TEXT,
        "number": NUMBER,
        "rate": NUMBER,
        "population": pa.int64(),
        "role": TEXT,
    },
    "audit_key": {"case": TEXT, "image": TEXT, "role": TEXT, "repeats": TEXT, "stratum": TEXT},
    "key": {
        "case": TEXT,
        "image": TEXT,
        "role": TEXT,
        "repeats": TEXT,
        "stratum": TEXT,
        "weight": NUMBER,
        "given_label": LABEL,
        "predicted": LABEL,
        "p1": pa.float32(),
        "confidence": NUMBER,
        "uncertainty": NUMBER,
        "confidence_group": TEXT,
        "uncertainty_group": TEXT,
    },
    "readings": {
        "reader": TEXT,
        "case": TEXT,
        "answer": TEXT,
        "confidence": LABEL,
        "other_finding": TEXT,
        "comment": TEXT,
        "seconds": NUMBER,
        "answered_at": TEXT,
        "source": TEXT,
    },
    "audit_readings": {
        "reader": TEXT,
        "case": TEXT,
        "image": TEXT,
        "label": TEXT,
        "answer": LABEL,
        "again": pa.bool_(),
        "comment": TEXT,
        "seconds": NUMBER,
        "answered_at": TEXT,
        "source": TEXT,
    },
    "audit_verdicts": {
        "image": TEXT,
        "label": TEXT,
        "true_label": LABEL,
        "votes": pa.int64(),
        "readers": pa.int64(),
    },
}
SCHEMAS = {kind: pa.schema(columns) for kind, columns in _COLUMNS.items()}
# The type of further columns, such as the findings of an index or the classes of predictions.
FURTHER = {"index": TEXT, "predictions": pa.float32()}
# What each row is the only one of; an archive may hold a file twice.
IDENTITY = {
    "index": ["image"],
    "cohort": ["image", "label"],
    "labels": ["image", "label"],
    "dynamics": ["image", "label"],
    "reads": ["image", "label", "reader"],
    "ranking": ["image", "label"],
    "calibrated": ["image", "label"],
    "design": ["image"],
    "sample": ["image"],
    "audit_key": ["case"],
    "predictions": ["image"],
    "verdicts": ["image", "label"],
    "scores": ["image", "label", "score"],
    "key": ["case"],
    "readings": ["reader", "case"],
    "audit_readings": ["reader", "case", "label"],
    "audit_verdicts": ["image", "label"],
}


def write(
    frame: pd.DataFrame,
    path: str | Path,
    kind: str,
    provenance: str,
    classes: Sequence[str] | None = None,
) -> None:
    """Write a frame as the manifest `kind`.

    Parameters
    ----------
    frame: has the columns of `SCHEMAS[kind]`; of further ones those of `FURTHER` are kept.
    provenance: see `provenance.describe`.
    classes: names that belong to the file: of the classes, of the columns of probabilities, or in
        an index of the columns that are known to be findings. Left out, `frame.attrs["classes"]`.
    """
    if classes is None:
        classes = frame.attrs.get("classes", [])
    schema = pa.schema(_types(frame.columns, kind))
    metadata = {"kind": kind, "classes": json.dumps(list(classes)), "provenance": provenance}
    table = pa.Table.from_pandas(frame[schema.names], schema, preserve_index=False)
    with replacing(path) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary)


def read(
    path: str | Path,
    kind: str,
    splits: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    first: int | None = None,
) -> pd.DataFrame:
    """Read the manifest `kind`.

    Parameters
    ----------
    splits: return the rows of these splits alone.
    columns: return these columns alone, for speed; first: return so many rows alone. The rows are
        checked where neither is given.

    Returns
    -------
    A frame; `frame.attrs["classes"]` is the list that `write` was given.
    Raises `UserError` when the file is damaged, lacks a column or contradicts itself: a label
    twice, a patient in two splits, a flip that is none.
    """
    try:
        with pq.ParquetFile(path) as file:
            _check_columns(file.schema_arrow, path, kind)
            table = file.read(columns).slice(0, first)
        table.validate(full=True)
        classes = json.loads((table.schema.metadata or {}).get(b"classes", b"[]"))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UserError(
            f"{path} is not a Parquet file, or a damaged one: delete it and run again."
        ) from error
    frame = table.to_pandas(ignore_metadata=True)
    if columns is None and first is None:
        _check_rows(frame, path, kind)
    if kind == "verdicts" and "suggestion_right" in frame:
        frame["suggestion_right"] = frame["suggestion_right"].astype("boolean")
    if splits is not None:
        frame = frame[frame["split"].isin(splits)].reset_index(drop=True)
    frame.attrs["classes"] = classes
    return frame


def classes(path: str | Path) -> list[str]:
    """Return the names of classes, findings or probabilities that a manifest was written with."""
    return json.loads(pq.read_schema(path).metadata[b"classes"])


def config(path: str | Path) -> dict:
    """Return the configuration that a manifest was made with, see `provenance.describe`."""
    return json.loads(pq.read_schema(path).metadata[b"provenance"])["config"]


def _types(names: Sequence[str], kind: str) -> dict[str, pa.DataType]:
    """Return the types of the columns of a manifest, with further ones where it may have them."""
    fixed = _COLUMNS[kind]
    if kind not in FURTHER:
        return fixed
    return fixed | {name: FURTHER[kind] for name in names if name not in fixed}


def _check_columns(schema: pa.Schema, path: str | Path, kind: str) -> None:
    expected = _types(schema.names, kind)
    found = dict(zip(schema.names, schema.types, strict=True))
    wrong = sorted({f"{name} {type}" for name, type in found.items() ^ expected.items()})
    if wrong:
        raise UserError(
            f"{path} is not a {kind} manifest (columns that differ: {', '.join(wrong)}): "
            "delete it and run again."
        )


def _check_rows(frame: pd.DataFrame, path: str | Path, kind: str) -> None:
    identity = IDENTITY.get(kind)
    doubled = frame.duplicated(identity) if identity else pd.Series(dtype=bool)
    if doubled.any():
        row = frame.loc[doubled.idxmax(), identity]
        what = " and ".join(f"{name} {value}" for name, value in row.items())
        raise UserError(f"{path} holds {what} twice: delete it and run again.")
    if "split" in frame:
        _check_splits(frame, path)
    if "flipped" in frame and "reported_label" in frame:
        wrong = (frame["given_label"] != frame["reported_label"]) != frame["flipped"]
        if wrong.any():
            raise UserError(
                f"{path} contradicts itself on whether the label of image "
                f"{frame.loc[wrong.idxmax(), 'image']} was flipped: delete it and run again."
            )


def _check_splits(frame: pd.DataFrame, path: str | Path) -> None:
    unknown = frame.loc[~frame["split"].isin(SPLITS), "split"]
    if len(unknown):
        raise UserError(f"{path} has the split {unknown.iloc[0]!r}, which is none of {SPLITS}.")
    if "patient" in frame:
        pairs = frame[["patient", "split"]].drop_duplicates()
        in_two = pairs.loc[pairs["patient"].duplicated(), "patient"]
        if len(in_two):
            raise UserError(
                f"{path} has patient {in_two.iloc[0]} in more than one split: "
                "a patient must be in one split only, so delete the file and run again."
            )
