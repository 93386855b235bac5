"""The figure of how well a network predicts the given labels."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import ConfusionMatrixDisplay, PrecisionRecallDisplay, RocCurveDisplay

from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.scores.run import Run
from cxrnoise.statistics import evaluation
from cxrnoise.statistics.evaluation import Predicted

COLOUR = "#0072B2"
BINS = 10
NAMES = {"auc": "AUC", "average_precision": "average precision"}


def draw(test: Run, table: pd.DataFrame, title: str) -> Figure:
    """Draw what `table`, made by `evaluation.evaluate`, says of the test split.

    Two classes: ROC curve, precision-recall curve, confusion matrix and calibration. More classes,
    or several findings: AUC and average precision of each, and for classes the confusion matrix.
    """
    several = len(test.classes) > 2 or not test.exclusive
    if several:
        figure = _of_several(test, table)
    else:
        [(_, part)] = evaluation.parts(test).items()
        figure = _of_one(part, table.set_index("measure"), list(test.classes))
    figure.suptitle(
        f"{title}: against the given labels of {len(test.images):,} test images",
        x=0.01,
        ha="left",
        parse_math=False,
    )
    return figure


def _of_one(test: Predicted, measured: pd.DataFrame, names: list[str]) -> Figure:
    figure = Figure(figsize=(16, 4.6))
    axes = figure.subplots(1, 4)
    figure.subplots_adjust(left=0.05, right=0.985, top=0.8, bottom=0.15, wspace=0.35)
    pair = (test.label, test.probability)
    line = {"plot_chance_level": True, "name": "network", "curve_kwargs": {"color": COLOUR}}
    both = len(set(test.label)) == 2

    def roc(panel: Axes) -> None:
        RocCurveDisplay.from_predictions(*pair, ax=panel, **line)

    def precision_recall(panel: Axes) -> None:
        PrecisionRecallDisplay.from_predictions(*pair, ax=panel, **line)

    def calibration(panel: Axes) -> None:
        CalibrationDisplay.from_predictions(
            *pair, n_bins=BINS, strategy="quantile", ax=panel, name="network", color=COLOUR
        )
        panel.set(
            xlabel="mean probability of a tenth of the images", ylabel=f"share that is {names[1]}"
        )

    for panel, curve in zip(axes[[0, 1, 3]], (roc, precision_recall, calibration), strict=True):
        _curve(panel, curve, both)
    _confusion(axes[2], test.label, (test.probability >= 0.5).astype(int), names)
    axes[2].set_xlabel("network, threshold 0.5")
    titles = ("AUC", "average precision", "accuracy", "Brier score")
    measures = ("auc", "average_precision", "accuracy_0.5", "brier")
    for panel, name, measure in zip(axes, titles, measures, strict=True):
        panel.set_title(f"{name} {_interval(measured.loc[measure])}")
    return figure


def _curve(panel: Axes, curve: Callable[[Axes], None], both: bool) -> None:
    """Draw a curve, which exists only if the test images have both labels."""
    panel.spines[["top", "right"]].set_visible(False)
    if both:
        curve(panel)
        panel.legend(frameon=False, fontsize=8)
    else:
        panel.text(0.5, 0.5, "all labels are the same", ha="center", transform=panel.transAxes)


def _of_several(test: Run, table: pd.DataFrame) -> Figure:
    columns = 3 if test.exclusive else 2
    names = list(test.classes)
    figure = Figure(figsize=(5.5 * columns, 1.8 + 0.35 * max(len(names), 6)), layout="constrained")
    axes = figure.subplots(1, columns)
    for panel, (measure, name) in zip(axes, NAMES.items(), strict=False):
        if test.exclusive:
            rows = table.set_index("measure").loc[[f"{measure}_{one}" for one in names]]
        else:
            rows = table[table["measure"] == measure].set_index("label").loc[names]
        _dots(panel, rows, names)
        panel.set_title(name)
    if test.exclusive:
        known = test.given != UNKNOWN
        _confusion(axes[2], test.given[known], test.predicted[known], names)
        accuracy = table.set_index("measure").loc["accuracy"]
        axes[2].set_title(f"accuracy {_interval(accuracy)}")
    return figure


def _dots(panel: Axes, rows: pd.DataFrame, names: list[str]) -> None:
    """Draw a value with its interval for each name."""
    heights = np.arange(len(names))
    value = rows["value"].to_numpy()
    errors = np.stack([value - rows["low"].to_numpy(), rows["high"].to_numpy() - value])
    panel.errorbar(value, heights, xerr=np.maximum(errors, 0), fmt="o", color=COLOUR, capsize=2)
    for height in heights[np.isnan(value)]:
        panel.text(0.02, height, "does not exist", va="center", fontsize=8)
    panel.set_yticks(heights, names, parse_math=False)
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.set_xlim(0, 1)
    panel.grid(axis="x", color="#dddddd", linewidth=0.6)
    panel.spines[["top", "right"]].set_visible(False)


def _confusion(panel: Axes, given: np.ndarray, predicted: np.ndarray, names: list[str]) -> None:
    ConfusionMatrixDisplay.from_predictions(
        given,
        predicted,
        ax=panel,
        labels=range(len(names)),
        display_labels=names,
        cmap="Blues",
        colorbar=False,
        values_format=",d",
        xticks_rotation="vertical" if len(names) > 2 else "horizontal",
    )
    panel.set(xlabel="network", ylabel="given label")


def _interval(row: pd.Series) -> str:
    if np.isnan(row["value"]):
        return "does not exist"
    return f"{row['value']:.3f} [{row['low']:.3f}–{row['high']:.3f}]"
