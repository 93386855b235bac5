"""The Parquet files between the steps: their columns, and reading that checks them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cxrnoise.core.errors import UserError
from cxrnoise.core.files import replacing
from cxrnoise.core.ondisk import ROWS, Tables, quoted, rows

SPLITS = ("train", "val", "test")

_COHORT = [
    ("image", pa.string()),
    ("patient", pa.string()),
    ("split", pa.string()),
    ("mirrored", pa.bool_()),
    ("true_label", pa.int8()),
    ("reported_label", pa.int8()),
]
UNKNOWN = -1  # the true label of an image about which there is only a report

SCHEMAS = {
    "listing": pa.schema(
        [
            ("image", pa.string()),
            ("source", pa.string()),
            ("path", pa.string()),
            ("bytes", pa.int64()),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("problem", pa.string()),
        ]
    ),
    "index": pa.schema(
        [
            ("image", pa.string()),
            ("patient", pa.string()),
            ("view", pa.string()),
            ("findings", pa.string()),
            ("source", pa.string()),
            ("path", pa.string()),
            ("bytes", pa.int64()),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("shard", pa.int32()),
            ("row", pa.int32()),
        ]
    ),
    "cohort": pa.schema(_COHORT),
    "labels": pa.schema(
        [
            *_COHORT[:3],
            ("shard", pa.int32()),
            ("row", pa.int32()),
            *_COHORT[3:],
            ("given_label", pa.int8()),
            ("flipped", pa.bool_()),
        ]
    ),
    "predictions": pa.schema(
        [("image", pa.string()), ("split", pa.string()), ("p0", pa.float32()), ("p1", pa.float32())]
    ),
    "scores": pa.schema(
        [
            ("image", pa.string()),
            ("true_label", pa.int8()),
            ("given_label", pa.int8()),
            ("flipped", pa.bool_()),
            ("predicted", pa.int8()),
            ("mc_predicted", pa.int8()),
            ("confidence", pa.float64()),
            ("uncertainty", pa.float64()),
            ("confidence_group", pa.string()),
            ("uncertainty_group", pa.string()),
            ("verdict", pa.string()),
        ]
    ),
    "key": pa.schema(
        [
            ("case", pa.string()),
            ("image", pa.string()),
            ("role", pa.string()),
            ("repeats", pa.string()),
            ("stratum", pa.string()),
            ("weight", pa.float64()),
            ("given_label", pa.int8()),
            ("predicted", pa.int8()),
            ("p1", pa.float32()),
            ("confidence", pa.float64()),
            ("uncertainty", pa.float64()),
            ("confidence_group", pa.string()),
            ("uncertainty_group", pa.string()),
        ]
    ),
    "readings": pa.schema(
        [
            ("reader", pa.string()),
            ("case", pa.string()),
            ("answer", pa.string()),
            ("confidence", pa.int8()),
            ("other_finding", pa.string()),
            ("comment", pa.string()),
            ("seconds", pa.float64()),
            ("answered_at", pa.string()),
            ("source", pa.string()),
        ]
    ),
}
# What each row of a manifest is the only one of, if not of the image.
IDENTITY = {"key": ["case"], "readings": ["reader", "case"]}


def write(
    frames: pd.DataFrame | Iterable[pd.DataFrame], path: str | Path, kind: str, provenance: str
) -> None:
    """Write a frame, or many one after the other, as the manifest `kind`.

    Each frame is a row group of its own; `provenance` is in the file's metadata.
    """
    schema = SCHEMAS[kind].with_metadata({"kind": kind, "provenance": provenance})
    with replacing(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for frame in [frames] if isinstance(frames, pd.DataFrame) else frames:
            table = pa.Table.from_pandas(frame[schema.names], schema, preserve_index=False)
            writer.write_table(table)


def read(path: str | Path, kind: str, splits: Sequence[str] | None = None) -> pd.DataFrame:
    """Read the manifest `kind`, or its rows of some splits.

    Raises `UserError` when the file is no Parquet or damaged, has other columns or types than the
    manifest, holds a row twice (see `IDENTITY`) or (for labels) contradicts itself.
    """
    if kind != "listing":  # which may hold an image twice
        _check_values(path, kind)
    batches = _batches(path, kind)
    if splits is not None:
        wanted = pa.array(splits, pa.string())
        batches = (batch.filter(pc.is_in(batch["split"], wanted)) for batch in batches)
    return pa.Table.from_batches(batches, SCHEMAS[kind]).to_pandas(ignore_metadata=True)


def frames(
    path: str | Path, kind: str, columns: Sequence[str] | None = None
) -> Iterator[pd.DataFrame]:
    """Read the manifest `kind`, or some columns of it, in frames of at most `ROWS` rows.

    Raises `UserError` when the file is no Parquet or damaged, or has other columns or types; what
    the rows say is not checked.
    """
    return (batch.to_pandas() for batch in _batches(path, kind, columns))


def _batches(
    path: str | Path, kind: str, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    with _refusing(path):
        file = pq.ParquetFile(path)
    with file:
        _check_columns(file.schema_arrow, path, kind)
        batches = file.iter_batches(ROWS, columns=columns)
        while True:
            with _refusing(path):
                batch = next(batches, None)
                if batch is None:
                    return
                batch.validate(full=True)
            yield batch.replace_schema_metadata()


@contextmanager
def _refusing(path: str | Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UserError(
            f"{path} is not a Parquet file, or a damaged one: delete it and run again."
        ) from error


def _check_columns(schema: pa.Schema, path: str | Path, kind: str) -> None:
    expected = SCHEMAS[kind]
    if not schema.equals(expected):
        wrong = sorted(set(_columns(schema)) ^ set(_columns(expected)))
        raise UserError(
            f"{path} is not a {kind} manifest (columns that differ: {', '.join(wrong)}): "
            "delete it and run again."
        )


def _columns(schema: pa.Schema) -> list[str]:
    return [f"{field.name} {field.type}" for field in schema]


def _check_values(path: str | Path, kind: str) -> None:
    identity = IDENTITY.get(kind, ["image"])
    names = [*identity, *(name for name in ("patient", "split") if name in SCHEMAS[kind].names)]
    read = frames(path, kind)
    if kind == "labels":
        read = _checked_flips(read, path)
    tables = Tables()
    tables.insert("manifest", names, rows(read, names))
    key = quoted(identity)
    doubled = f"SELECT {key} FROM manifest GROUP BY {key} HAVING count(*) > 1"
    if values := tables.run(doubled).fetchone():
        what = " and ".join(f"{name} {value}" for name, value in zip(identity, values, strict=True))
        raise UserError(f"{path} holds {what} twice: delete it and run again.")
    if "split" in names:
        _check_splits(tables, path, "patient" in names)


def _check_splits(tables: Tables, path: str | Path, by_patient: bool) -> None:
    found = tables.select("SELECT DISTINCT split FROM manifest").column("split")
    unknown = next((split for split in found if split not in SPLITS), None)
    if unknown is not None:
        raise UserError(f"{path} has the split {unknown!r}, which is none of {SPLITS}.")
    in_two = "SELECT patient FROM manifest GROUP BY patient HAVING min(split) <> max(split)"
    if by_patient and (patient := tables.run(in_two).fetchone()):
        raise UserError(
            f"{path} has patient {patient[0]} in more than one split: "
            "a patient must be in one split only, so delete the file and run again."
        )


def _checked_flips(read: Iterable[pd.DataFrame], path: str | Path) -> Iterator[pd.DataFrame]:
    for frame in read:
        contradictory = (frame["given_label"] != frame["reported_label"]) != frame["flipped"]
        if contradictory.any():
            image = frame.loc[contradictory, "image"].iloc[0]
            raise UserError(
                f"{path} says of image {image} that its label was flipped and shows otherwise: "
                "delete it and run again."
            )
        yield frame
