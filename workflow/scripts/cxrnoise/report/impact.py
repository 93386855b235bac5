"""The figure of what corrected labels change."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxrnoise.audit.impact import EVALUATION, MEASURES, ON_READ, RETRAINING

# colours of Okabe and Ito, told apart with any colour vision; each side has a shape of its own
SIDES = {"before": ("#D55E00", "o", -0.16), "after": ("#0072B2", "D", 0.16)}
NAMES = {"auc": "AUC", "sensitivity": "sensitivity", "specificity": "specificity"}
# The title of a comparison, and what its two sides are.
COMPARISONS = {
    EVALUATION: ("Same predictions, images that were read", "by given labels", "by the readers"),
    RETRAINING: ("Judged by the corrected labels", "trained on given", "trained on corrected"),
    ON_READ: ("Judged by the readers", "trained on given", "trained on corrected"),
}
WIDTH, ROW, AROUND = 12, 0.36, 1.5  # inches: of all, of a label, of titles and axes


def draw(table: pd.DataFrame, title: str) -> Figure:
    """Draw each measure before beside after, a row of panels for each comparison.

    Parameters
    ----------
    table: made by `audit.impact`.
    """
    comparisons = list(table["comparison"].unique())
    labels = list(table["label"].unique())
    height = len(comparisons) * (AROUND + ROW * len(labels)) + 0.4
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(len(comparisons), len(MEASURES), squeeze=False, sharey=True)
    for row, comparison in zip(axes, comparisons, strict=True):
        of_one = table[table["comparison"] == comparison]
        name, *sides = COMPARISONS[comparison]
        for panel, measure in zip(row, MEASURES, strict=True):
            rows = of_one[of_one["measure"] == measure].set_index("label").reindex(labels)
            _draw(panel, rows, dict(zip(SIDES, sides, strict=True)))
            panel.set_xlabel(NAMES[measure])
        row[0].set_title(name, fontsize=10, loc="left")
        row[-1].legend(
            frameon=False, fontsize=9, ncols=2, loc="lower right", bbox_to_anchor=(1.02, 1)
        )
        row[0].set_yticks(range(len(labels)), labels, parse_math=False)
        row[0].set_ylim(len(labels) - 0.5, -0.5)
    figure.suptitle(title, x=0.01, ha="left", parse_math=False)
    return figure


def _draw(panel: Axes, rows: pd.DataFrame, sides: dict[str, str]) -> None:
    heights = np.arange(len(rows))
    for side, (colour, marker, shift) in SIDES.items():
        value = rows[side].to_numpy()
        errors = np.stack(
            [value - rows[f"{side}_low"].to_numpy(), rows[f"{side}_high"].to_numpy() - value]
        )
        panel.errorbar(
            value,
            heights + shift,
            xerr=np.maximum(errors, 0),
            fmt=marker,
            markersize=4,
            color=colour,
            linewidth=1,
            label=sides[side],
        )
    panel.set_xlim(0, 1)
    panel.grid(axis="x", color="#dddddd", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
