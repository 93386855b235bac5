"""Files that hang wrongly, are there twice, or are unlike all others, as a page of pictures."""

import base64
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

from cxrnoise.audit.hanging import DUPLICATE, INVERTED, MIRRORED, TURNED, UNLIKE
from cxrnoise.core.spreadsheets import unescaped
from cxrnoise.images.shards import Reader
from cxrnoise.report.pages import html_page

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


class Shown(NamedTuple):
    """A row of a list: its pictures as (address, description), and what stands below them."""

    pictures: list[tuple[str, str]]
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
    sections = [
        {
            "id": kind,
            "title": title,
            "about": ABOUT[kind],
            "count": _count(kind, rows),
            "rows": [_shown(row, shards) for row in rows.itertuples()],
        }
        for kind, title in HEADINGS.items()
        if len(rows := table[table["kind"] == kind])
    ]
    return html_page(
        templates,
        "hanging.html",
        provenance,
        title=f"{heading}: {dataset}",
        heading=heading,
        sections=sections,
    )


def _count(kind: str, rows: pd.DataFrame) -> str:
    """Say how many rows a list has, and how many of them are likely."""
    if kind == UNLIKE:
        return f"{len(rows)} shown"
    limit, what = (SAME, "a correlation") if kind == DUPLICATE else (PROBABLE, "a probability")
    likely = int((rows["value"] > limit).sum())
    return f"{likely} with {what} above {limit:g}, {len(rows)} shown"


def _shown(row, shards: Reader) -> Shown:
    place = f"number {row.rank} of the list “{HEADINGS[row.kind].lower()}”"
    pictures = [(_picture(row.image, shards), f"Radiograph {row.image}, {place}")]
    lines = [row.image, f"patient {row.patient}"]
    if row.kind == DUPLICATE:
        described = f"Radiograph {row.other_image}, its counterpart, {place}"
        pictures.append((_picture(row.other_image, shards), described))
        lines += [row.other_image, f"patient {row.other_patient}"]
        value = f"correlation {row.value:.3f}"
    elif row.kind == UNLIKE:
        value = row.what
    else:
        value = f"probability {row.value:.3f}"
    what = "" if row.what in (row.kind, value) else row.what
    return Shown(pictures, value, what, lines)


def _picture(image: str, shards: Reader) -> str:
    """Return an image as it was filed, as the address of a small JPEG."""
    [pixels] = shards.batch(*shards.locate([image]))
    return address(pixels)


def address(pixels: np.ndarray) -> str:
    """Return the data URI of a small JPEG of uint8 (size, size)."""
    stream = io.BytesIO()
    Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(
        stream, "JPEG", quality=QUALITY
    )
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
