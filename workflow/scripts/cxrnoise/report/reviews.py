"""Label accuracy after so many reviews: its curves, and the same in words and numbers."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxrnoise.report.detected import Part, plain
from cxrnoise.statistics.detection import ORACLE, RANDOM, REFERENCE

# colours of Okabe and Ito, told apart with any colour vision; each has a line of its own
BOUNDS = {ORACLE: ("black", "--"), RANDOM: ("black", ":")}
CLEANLAB = ("#D55E00", "-.")
HIGHLIGHTS = [("#0072B2", "-"), ("#009E73", (0, (6, 1.5)))]
OTHERS = "#8c8c8c"
AS_FAR = 3  # the curves end at so many times the number of wrong labels
SHARES = (0, 0.1, 0.25, 0.5, 1, 1.5, 2, 3)  # reviews of the table, in numbers of wrong labels
COLUMNS = 3
SIZE = (4.4, 4.3)  # inches; one panel is readable on a phone
HEIGHT = 5.0  # inches of a panel with its title


def panel(part: Part) -> Figure:
    """Draw the curves of one part."""
    figure = Figure(figsize=SIZE)
    figure.subplots_adjust(left=0.17, right=0.97, top=0.97, bottom=0.33)
    _draw(figure.subplots(), part)
    return figure


def panels(parts: list[Part], dataset: str) -> Figure:
    """Draw the curves of every part, each in a panel of its own."""
    columns = min(len(parts), COLUMNS)
    rows = math.ceil(len(parts) / columns)
    width, height = SIZE[0] * columns, HEIGHT * rows + 0.5
    figure = Figure(figsize=(width, height))
    figure.suptitle(
        f"Label accuracy after so many reviews: {dataset}",
        x=0.15 / width,
        y=1 - 0.15 / height,
        ha="left",
        parse_math=False,
    )
    for number, part in enumerate(parts):
        row, column = divmod(number, columns)
        bottom = height - 0.5 - HEIGHT * (row + 1)
        corner = ((SIZE[0] * column + 0.75) / width, (bottom + 1.6) / height)
        axes = figure.add_axes((*corner, (SIZE[0] - 0.9) / width, 2.6 / height))
        _draw(axes, part)
        title = f"{part.warnings}{part.task}\n{part.setting}".replace("; ", "\n")
        axes.set_title(title, loc="left", fontsize=9, parse_math=False)
    return figure


def _draw(axes: Axes, part: Part) -> None:
    curves = _curves(part)
    for score, (colour, style) in _highlighted(part).items():
        look = {"color": colour, "linestyle": style, "linewidth": 1.8, "marker": "."}
        _plot(axes, curves, score, **look, zorder=3)
        if score in part.best():
            band = (curves[score][name] for name in ("reviewed", "low", "high"))
            axes.fill_between(*band, color=colour, alpha=0.12, linewidth=0)
    for score, (colour, style) in BOUNDS.items():
        _plot(axes, curves, score, color=colour, linestyle=style, linewidth=1.2)
    others = [score for score in _drawn(part) if score not in _highlighted(part)]
    for number, score in enumerate(others):
        label = "other scores" if number == 0 else None
        _plot(axes, curves, score, label=label, color=OTHERS, linewidth=0.8, zorder=1)
    end = AS_FAR * part.of("", "wrong").value
    axes.set_xlim(0, max(min(end, curves[ORACLE]["reviewed"].max()), 1))
    axes.set_xlabel("labels reviewed, the most suspicious first")
    axes.set_ylabel("label accuracy (fraction)")
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        frameon=False, fontsize=8.5, ncols=2, loc="upper center", bbox_to_anchor=(0.44, -0.19)
    )


def _plot(axes: Axes, curves: dict[str, pd.DataFrame], score: str, **style) -> None:
    curve = curves[score]
    style.setdefault("label", plain(score))
    axes.plot(curve["reviewed"], curve["label_accuracy"], **style)


def _curves(part: Part) -> dict[str, pd.DataFrame]:
    return {
        score: rows.sort_values("reviewed")
        for score, rows in part.reviews.groupby("score", sort=False)
    }


def _highlighted(part: Part) -> dict[str, tuple]:
    """Return the lines of the scores that are told apart: the best, cleanlab's, the next best."""
    drawn = _drawn(part)
    others = [score for score in drawn if score != REFERENCE][: len(HIGHLIGHTS)]
    lines = dict(zip(others, HIGHLIGHTS, strict=False)) | {REFERENCE: CLEANLAB}
    return {score: lines[score] for score in drawn if score in lines}


def _drawn(part: Part) -> list[str]:
    """Return the scores of every label, the best first, one of those with the same numbers."""
    known = set(part.reviews["score"])
    firsts = [group[0] for group in part.rankings()]
    return [score for score in firsts if score in known and part.is_whole(score)]


def lines(part: Part) -> tuple[list[str], list[list[str]]]:
    """Return the curves as a table: the names of the lines, and one row per number of reviews.

    A row is the number of reviews and the label accuracy of each line, as text.
    """
    curves = _curves(part)
    names = [*_highlighted(part), RANDOM, ORACLE]
    counts = curves[ORACLE]["reviewed"].to_numpy()
    wanted = np.array(SHARES) * part.of("", "wrong").value
    nearest = {int(counts[np.abs(counts - reviews).argmin()]) for reviews in wanted}
    rows = [
        [f"{reviews:,}", *(_shown(curves[name], reviews) for name in names)]
        for reviews in sorted(nearest)
    ]
    return [plain(name) for name in names], rows


def _shown(curve: pd.DataFrame, reviews: int) -> str:
    return f"{np.interp(reviews, curve['reviewed'], curve['label_accuracy']):.4f}"


def in_words(part: Part) -> str:
    """Return what the curves show, for people who do not see them."""
    names, rows = lines(part)
    wrong = part.of("", "wrong").value
    [*_, reviewed] = [row for row in rows if int(row[0].replace(",", "")) <= max(wrong, 1)]
    reached = ", ".join(
        f"{value} ({name})" for name, value in zip(names, reviewed[1:], strict=True)
    )
    return (
        f"Curves of label accuracy against the number of labels reviewed. Without a review it is "
        f"{rows[0][1]}. After {reviewed[0]} reviews it is {reached}."
    )
