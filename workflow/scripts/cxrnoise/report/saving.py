"""Figures as files, and in pages."""

import base64
from io import BytesIO
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

from cxrnoise.core.files import replacing

QUALITY = 85  # of the JPEG of a figure of radiographs


def save(figure: Figure, path: str | Path, provenance: str) -> None:
    """Write a figure as SVG or PNG, by its suffix, with `provenance` as its description.

    The same figure gives the same bytes: no date, no random identifiers.
    """
    metadata = {"Description": provenance}
    if Path(path).suffix == ".svg":
        metadata["Date"] = None
    with replacing(path) as temporary, rc_context({"svg.hashsalt": "cxrnoise"}):
        figure.savefig(temporary, dpi=150, metadata=metadata)


def svg(figure: Figure) -> bytes:
    """Return a figure as SVG, to be put into a page."""
    drawn = BytesIO()
    with rc_context({"svg.hashsalt": "cxrnoise"}):
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    return drawn.getvalue()


def address(path: str | Path) -> str:
    """Return the data URI of a figure in a file, so that a page needs no other file.

    An SVG stays as it is. A PNG becomes a JPEG without its description, a fraction of the size.
    """
    if Path(path).suffix == ".svg":
        return f"data:image/svg+xml;base64,{base64.b64encode(Path(path).read_bytes()).decode()}"
    made = BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(made, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(made.getvalue()).decode()}"
