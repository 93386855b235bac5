"""Files that hang wrongly, are there twice, or are unlike all others, as a page of pictures."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from cxrnoise.audit.hanging import DUPLICATE, INVERTED, MIRRORED, TURNED, UNLIKE
from cxrnoise.core.spreadsheets import unescaped
from cxrnoise.images.shards import Reader
from cxrnoise.report import pictures
from cxrnoise.report.pages import html_page
from cxrnoise.report.pictures import Picture
from cxrnoise.report.privacy import Names
from cxrnoise.report.sortable import Cell, Table

TITLE = "Files that hang wrongly"
SIDE = 176  # pixels of a picture
QUALITY = 80  # of its JPEG
PROBABLE, SAME = 0.5, 0.95  # probability, and correlation, above which a row is counted

HEADINGS = {
    MIRRORED: "Probably mirrored",
    TURNED: "Probably turned",
    INVERTED: "Probably inverted",
    DUPLICATE: "There twice",
    UNLIKE: "Unlike all others",
}
ABOUT = {
    MIRRORED: "The heart and the arch of the aorta seem to be on the wrong side. A large effusion, "
    "a collapsed or removed lung, scoliosis, or a true situs inversus look the same.",
    TURNED: "The image seems to be turned by a quarter or by half of a circle.",
    INVERTED: "Black and white seem to be exchanged.",
    DUPLICATE: "Pairs of images with nearly the same texture, first of different patients, then of "
    "one patient. Copies of one picture have a correlation near 1.",
    UNLIKE: "What is common to the images of other patients explains little of these: no chest, "
    "half a chest, an unusual posture or device, or a badly exposed image. Of each patient at "
    "most three images are listed.",
}
VALUES = {DUPLICATE: "Correlation", UNLIKE: "Times the median"}  # of the others: probability


class Shown(NamedTuple):
    """A row of a list: its pictures, and what stands below them."""

    pictures: list[Picture]
    value: str
    what: str
    lines: list[str]


def read(path: str | Path) -> pd.DataFrame:
    """Return the table `hanging.csv`."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False).map(unescaped)
    return table.astype({"rank": int, "value": float})


def html(
    table: pd.DataFrame,
    shards: Reader,
    dataset: str,
    phantom: bool,
    templates: str | Path,
    provenance: str,
) -> str:
    """Return one self-contained HTML page.

    Parameters
    ----------
    table: see `audit.hanging.COLUMNS`.
    shards: where the pictures are.
    dataset: its name; phantom: whether its images are drawn, which the title then says.
    templates: the folder of the templates.
    provenance: the JSON text of `provenance.describe`, shown at the foot of the page.
    """
    heading = f"{'PHANTOM: ' if phantom else ''}{TITLE}"
    return html_page(
        templates,
        "hanging.html",
        provenance,
        title=f"{heading}: {dataset}",
        heading=heading,
        level=2,
        sentences=list(about(pictures=True)),
        warnings="",
        lists=lists(table, shards, Names()),
    )


def about(pictures: bool, most: int | None = None) -> Iterator[str]:
    """Say what the lists are; other parameters as in `lists`."""
    yield (
        "Somebody should look at these files. Each list is ranked, the most suspicious first, and "
        "most of what stands far down in it is as it should be: radiographs that look unusual, not "
        "wrong."
    )
    if pictures:
        yield "Every picture is shown as it was filed."
    if most is not None:
        yield f"Here are the first {most} of each list."
    yield (
        "The lists are in hanging.csv; docs/hanging.md of the workflow says how they are made and "
        "what they miss."
    )


def lists(
    table: pd.DataFrame, shards: Reader | None, names: Names, most: int | None = None
) -> list[dict[str, object]]:
    """Return the lists as the template `sections/hanging.html` shows them.

    Parameters
    ----------
    table: see `audit.hanging.COLUMNS`.
    shards: where the pictures are; None for tables in their place.
    names: how images and patients are called.
    most: so many rows of each list; None for all.
    """
    found = []
    for kind, title in HEADINGS.items():
        rows = table[table["kind"] == kind]
        if rows.empty:
            continue
        first = _named(rows.iloc[:most], names)
        likely = count(kind, rows)
        number = f"{len(first)} shown"
        found.append(
            {
                "id": kind,
                "title": title,
                "about": ABOUT[kind],
                "count": f"{likely}, {number}" if likely else number,
                "rows": _rows(first, shards) if shards else [],
                "table": None if shards else _table(kind, first),
            }
        )
    return found


def count(kind: str, rows: pd.DataFrame) -> str:
    """Say how many rows of a list are likely; "" for a list that does not say so."""
    if kind == UNLIKE:
        return ""
    limit, what = (SAME, "a correlation") if kind == DUPLICATE else (PROBABLE, "a probability")
    likely = int((rows["value"] > limit).sum())
    more = " or more" if 0 < likely == len(rows) else ""
    return f"{likely}{more} with {what} above {limit:g}"


def _named(rows: pd.DataFrame, names: Names) -> pd.DataFrame:
    """Return rows with the columns `called` and so on: how images and patients are called."""
    called = {
        "called": names.images(rows["image"]),
        "patient_called": names.patients(rows["patient"]),
    }
    if (rows["other_image"] != "").all():
        called["other_called"] = names.images(rows["other_image"])
        called["other_patient_called"] = names.patients(rows["other_patient"])
    return rows.assign(**called)


def _rows(rows: pd.DataFrame, shards: Reader) -> list[Shown]:
    images = set(rows["image"]) | set(rows["other_image"]) - {""}
    addresses = pictures.addresses(images, shards, SIDE, QUALITY)
    return [_shown(row, addresses) for row in rows.itertuples()]


def _shown(row, addresses: dict[str, str]) -> Shown:
    place = f"number {row.rank} of the list “{HEADINGS[row.kind].lower()}”"
    found = [Picture(addresses[row.image], f"Radiograph {row.called}, {place}")]
    lines = [row.called, f"patient {row.patient_called}"]
    if row.kind == DUPLICATE:
        words = f"Radiograph {row.other_called}, its counterpart, {place}"
        found.append(Picture(addresses[row.other_image], words))
        lines += [row.other_called, f"patient {row.other_patient_called}"]
        value = f"correlation {row.value:.3f}"
    elif row.kind == UNLIKE:
        value = row.what
    else:
        value = f"probability {row.value:.3f}"
    what = "" if row.what in (row.kind, value) else row.what
    return Shown(found, value, what, lines)


def _table(kind: str, rows: pd.DataFrame) -> Table:
    """Return a list without pictures."""
    header = ["Rank", "Image", "Patient"]
    columns = ["rank", "called", "patient_called"]
    if kind == DUPLICATE:
        header += ["Other image", "Other patient"]
        columns += ["other_called", "other_patient_called"]
    header, columns = [*header, "What"], [*columns, "what"]
    cells = [
        [
            *(Cell(str(row[name]), key=str(row[name])) for name in columns),
            Cell(f"{row['value']:.3f}", key=row["value"]),
        ]
        for row in rows.to_dict("records")
    ]
    about = f"{HEADINGS[kind]}: the most suspicious first."
    header.append(VALUES.get(kind, "Probability"))
    return Table(HEADINGS[kind], about, header, cells, text=len(columns))
