"""Figures as files."""

from io import BytesIO
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from cxrnoise.core.files import replacing


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
