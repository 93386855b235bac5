"""The index: metadata and files brought together, and a report of what does not agree."""

import hashlib
import logging
import re
from pathlib import Path

import numpy as np
import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.files import replacing
from cxrnoise.core.manifests import SCHEMAS
from cxrnoise.core.spreadsheets import escaped
from cxrnoise.datasets import columns
from cxrnoise.datasets import views as view_positions
from cxrnoise.images import shards

PROBLEMS = ("missing", "doubled", "truncated", "unreadable")  # those that `tolerated` counts
IN_FILE = "view of the file"
NOT_USED = -1  # the shard of an image whose view no task uses
REMEDIES = {
    "missing": "get the file and put it among the images, or raise tolerated.missing",
    "doubled": "keep one of them and remove the other, or raise tolerated.doubled",
    "truncated": "get the file again, or raise tolerated.truncated",
    "unreadable": "get the file again, or raise tolerated.unreadable",
    "left out": "nothing: it is not used",
    "unlisted": "nothing: the metadata does not know it, so it is not used",
    "remark": "look at it: it is used as it is",
}
NEAR = r"^metadata: line \d+; there is "  # where the report has a file that is spelled alike
RENAME = "write the name in the metadata as the file has it, or rename the file"
# What the index says about where a file is, not about the data set.
PLACES = ("source", "path", "bytes", "width", "height", "shard")


def index(
    entries: pd.DataFrame, files: pd.DataFrame, views: list[str], number: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bring metadata and files together.

    An image is known by its file name where the metadata has file names, and by its path below
    the images folder where the metadata has paths. Its shard follows from its name alone. Its view
    is that of the metadata, else that of the file, else PA where the metadata has no view at all.

    Parameters
    ----------
    entries: what the kind of data set reads from the metadata.
    files: the rows of every `listing`.
    views: those that some task uses.
    number: of shards.

    Returns
    -------
    The manifest `index` with the good images, by name, and the report with image, problem, where,
    what_to_do of the others, and of good images with a remark. The index has one column more than
    its manifest, `sha256` of the files, for `contents`.
    Raises `UserError` when there is no image file at all.
    """
    if files.empty:
        raise UserError(
            "No PNG, JPEG or DICOM file was found: set `images` to the folder with the radiographs."
        )
    lines = pd.Series(entries.index.astype(str), name="line").to_numpy()
    image, files = _named(entries["image"].reset_index(drop=True), files.reset_index(drop=True))
    report = _report(pd.DataFrame({"image": image, "line": lines}), files)
    bad = report.loc[~report["problem"].str.startswith("remark"), "image"]
    table = entries.reset_index(drop=True).assign(image=image)
    places = files.drop(columns=["file", "problem", "remark"]).rename(columns={"view": IN_FILE})
    table = table[~image.isin(bad)].merge(places[~places["image"].isin(bad)], on="image")
    table["view"] = _views(table["view"], table.pop(IN_FILE))
    table = table.sort_values("image", ignore_index=True)
    table["shard"] = _shards(table, views, number)
    first = SCHEMAS["index"].names
    table = table[[*first, *(name for name in table if name not in first)]]
    table.attrs["classes"] = entries.attrs.get("classes", [])
    return table, report


def check_views(table: pd.DataFrame, views: list[str]) -> None:
    """Log how many good images each view has; raise `UserError` where none has a view in use."""
    counted, used = view_positions.counts(table), _normal(views)
    logging.info(view_positions.described(counted, used))
    if not set(used) & set(counted):
        there = ", ".join(f"{view} {number}" for view, number in counted.items()) or "no image"
        raise UserError(
            f"No image has a view that a task uses ({', '.join(used)}): the index has {there}, "
            "so set the task's `views` to one of these, or write the metadata's views as PA or AP."
        )


def left_out(report: pd.DataFrame) -> pd.DataFrame:
    """Return how many images have which problem: problem, images. Those to look at are `remark`."""
    found = report.assign(problem=_kinds(report)).drop_duplicates(["image", "problem"])
    return found["problem"].value_counts().rename("images").reset_index()


def check(report: pd.DataFrame, tolerated: dict[str, int], path: str | Path) -> None:
    """Log what the report has; raise `UserError` where it is more than `tolerated` allows.

    Parameters
    ----------
    path: where the report was written.
    """
    found = report.assign(kind=_kinds(report)).drop_duplicates(["image", "kind"])
    counts = found["kind"].value_counts()
    for kind, number in counts.items():
        names = found.loc[found["kind"] == kind, "image"]
        logging.warning("%d images, %s: %s; see %s", number, kind, _some(names), path)
    beyond = [kind for kind in PROBLEMS if counts.get(kind, 0) > tolerated[kind]]
    if not beyond:
        return
    numbers = ", ".join(f"{counts[kind]} {kind} ({tolerated[kind]} tolerated)" for kind in beyond)
    named = found[found["kind"].isin(beyond)]
    names = []
    for image, where in named[["image", "where"]].head(3).itertuples(index=False):
        file = re.sub(NEAR, "", where)
        names.append(image if file == where else f"{image} (there is {file})")
    more = ", …" if len(named) > 3 else ""
    raise UserError(
        f"Images and metadata do not agree: {numbers}, namely {', '.join(names)}{more}: "
        f"{path} lists each with what to do."
    )


def write_report(report: pd.DataFrame, path: str | Path) -> None:
    """Write the report as CSV, in which no cell is a formula to a spreadsheet."""
    with replacing(path) as temporary:
        report.map(escaped).to_csv(temporary, index=False)


def digest(table: pd.DataFrame) -> str:
    """Return the sha256, in hex, of what an index says of the data set, wherever its files are."""
    content = table.drop(columns=[*PLACES, "sha256"], errors="ignore")
    rows = pd.util.hash_pandas_object(content, index=False).to_numpy()
    return hashlib.sha256("\x1f".join(content).encode() + rows.tobytes()).hexdigest()


def contents(table: pd.DataFrame, number: int) -> list[str]:
    """Return a sha256, in hex, for each shard: of the names and the files of its images."""
    hashes = [hashlib.sha256() for _ in range(number)]
    used = table[table["shard"] != NOT_USED]
    for image, sha256, shard in zip(used["image"], used["sha256"], used["shard"], strict=True):
        hashes[shard].update(f"{image}\x1f{sha256}\n".encode())
    return [made.hexdigest() for made in hashes]


# Names: what the metadata calls an image, and where its file is.


def _named(entries: pd.Series, files: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame]:
    """Return the names of the metadata's images, and the files with the same in `image`."""
    if not entries.str.contains("/", regex=False).any():
        return entries, files.assign(image=files["file"].str.replace("^.*/", "", regex=True))
    files = files.assign(image=files["file"])
    table, folder = _surplus(entries, files["image"])
    image = _below(entries, table)
    if table:
        logging.info(
            "The paths of the metadata are compared without their first %d folders: %s for %s.",
            *(table, image.iloc[0], entries.iloc[0]),
        )
    if folder:  # an image has its whole path below the images folder
        short = _below(files["image"], folder)
        known = files["image"].set_axis(short)[~short.duplicated(keep=False).to_numpy()]
        image = image.map(known).fillna(image)
    return image, files


def _surplus(entries: pd.Series, files: pd.Series) -> tuple[int, int]:
    """Return how many first folders to drop from the paths of the metadata, or of the files.

    The pair with which most images are found, and of these the one that drops least.
    """
    depth = int(max(entries.str.count("/").max(), files.str.count("/").max()))
    pairs = [(0, 0)]
    for dropped in range(1, depth + 1):
        pairs += [(dropped, 0), (0, dropped)]
    best, most = (0, 0), 0
    for table, folder in pairs:
        found = int(_below(entries, table).isin(_below(files, folder)).sum())
        if found > most:
            best, most = (table, folder), found
        if most == len(entries):
            break
    return best


def _below(paths: pd.Series, folders: int) -> pd.Series:
    """Drop the first folders of paths, as far as they have them."""
    if not folders:
        return paths
    return paths.str.replace(rf"^(?:[^/]+/){{1,{folders}}}", "", regex=True)


# The report


def _report(entries: pd.DataFrame, files: pd.DataFrame) -> pd.DataFrame:
    listed = files["image"].isin(entries["image"])
    missing = entries[~entries["image"].isin(files["image"])]
    near = _near(missing["image"].tolist(), files.loc[~listed, "image"].tolist())
    lost = _part(missing, "missing")
    alike = [f"; there is {near[image]}" if image in near else "" for image in missing["image"]]
    lost["where"] += pd.Series(alike, lost.index, dtype=str)
    remarks = files[listed & (files["remark"] != "") & (files["problem"] == "")]
    parts = [
        lost,
        _part(entries[entries["image"].duplicated(keep=False)], "doubled"),
        _part(files[listed & files["image"].duplicated(keep=False)], "doubled"),
        _part(files[listed & (files["problem"] != "")]),
        _part(files[~listed], "unlisted"),
        _part(remarks, ["remark: " + remark for remark in remarks["remark"]]),
    ]
    report = pd.concat(parts, ignore_index=True)
    report["what_to_do"] = _kinds(report).map(REMEDIES)
    misspelt = report["where"].str.contains(NEAR)
    report.loc[misspelt, "what_to_do"] = RENAME
    return report[["image", "problem", "where", "what_to_do"]]


def _part(frame: pd.DataFrame, problem: str | list[str] | None = None) -> pd.DataFrame:
    """Return the rows of the report for rows of the metadata or of the files."""
    if "line" in frame:
        where = "metadata: line " + frame["line"]
    else:
        where = frame["source"] + ": " + frame["path"]
    problem = frame["problem"] if problem is None else problem
    return pd.DataFrame({"image": frame["image"], "problem": problem, "where": where}, dtype=str)


def _normal(views: list[str]) -> list[str]:
    return [view_positions.normal(view) for view in views]


def _views(named: pd.Series, in_file: pd.Series) -> pd.Series:
    """Return the view of each image, from the metadata or else from its file."""
    contradicted = (named != "") & (in_file != "") & (named != in_file)
    if contradicted.any():
        logging.warning(
            "%d files name another view than the metadata, whose view is used.", contradicted.sum()
        )
    if (named != "").any():
        return named.where(named != "", in_file)
    logging.info(
        "The metadata has no view: %d images have the view that their file names, all others are "
        "taken for PA.",
        (in_file != "").sum(),
    )
    return in_file.where(in_file != "", "PA")


def _shards(table: pd.DataFrame, views: list[str], number: int) -> np.ndarray:
    """Return the shard of each image, or `NOT_USED`."""
    used = table["view"].isin(_normal(views)).to_numpy()
    found = np.full(len(table), NOT_USED, np.int32)
    found[used] = [shards.number_of(image, number) for image in table["image"][used]]
    return found


def _kinds(report: pd.DataFrame) -> pd.Series:
    return report["problem"].str.replace(":.*", "", regex=True)


def _some(names: pd.Series) -> str:
    return ", ".join(names.head(3)) + (", …" if len(names) > 3 else "")


def _near(missing: list[str], unlisted: list[str]) -> dict[str, str]:
    """Find for each missing image a file that differs from it in spelling, suffix or folder."""
    found: dict[str, str] = {}
    for spelled in (str.casefold, _stem, _name, _letters):
        known = {spelled(file): file for file in reversed(unlisted)}
        for image in missing if known else []:
            if image not in found and spelled(image) in known:
                found[image] = known[spelled(image)]
    return found


def _stem(image: str) -> str:
    return image.casefold().rpartition(".")[0] or image.casefold()


def _name(image: str) -> str:
    return image.casefold().rpartition("/")[2]


def _letters(image: str) -> str:
    return columns.key(_stem(_name(image)))
