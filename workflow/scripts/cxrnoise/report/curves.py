"""The figure of how well a network finds a reported finding."""

import pandas as pd
from matplotlib.figure import Figure
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import ConfusionMatrixDisplay, PrecisionRecallDisplay, RocCurveDisplay

from cxrnoise.statistics.evaluation import Predicted

COLOUR = "#0072B2"
BINS = 10


def draw(test: Predicted, table: pd.DataFrame, title: str) -> Figure:
    """Draw ROC curve, precision-recall curve, confusion matrix and calibration of the test split.

    `table` is what `evaluation.evaluate` returns.
    """
    figure = Figure(figsize=(16, 4.6))
    axes = figure.subplots(1, 4)
    figure.subplots_adjust(left=0.05, right=0.985, top=0.8, bottom=0.15, wspace=0.35)
    measured = table.set_index("measure")
    pair = (test.label, test.probability)
    line = {"color": COLOUR}

    RocCurveDisplay.from_predictions(
        *pair, ax=axes[0], plot_chance_level=True, name="network", curve_kwargs=line
    )
    axes[0].set_title(f"AUC {_interval(measured.loc['auc'])}")
    PrecisionRecallDisplay.from_predictions(
        *pair, ax=axes[1], plot_chance_level=True, name="network", **line
    )
    axes[1].set_title(f"average precision {_interval(measured.loc['average_precision'])}")
    ConfusionMatrixDisplay.from_predictions(
        test.label,
        test.probability >= 0.5,
        ax=axes[2],
        display_labels=["absent", "present"],
        cmap="Blues",
        colorbar=False,
        values_format=",d",
    )
    axes[2].set(xlabel="network, threshold 0.5", ylabel="given label")
    axes[2].set_title(f"accuracy {_interval(measured.loc['accuracy_0.5'])}")
    CalibrationDisplay.from_predictions(
        *pair, n_bins=BINS, strategy="quantile", ax=axes[3], name="network", **line
    )
    axes[3].set(xlabel="mean probability of a tenth of the images", ylabel="share with the finding")
    axes[3].set_title(f"Brier score {_interval(measured.loc['brier'])}")
    for panel in axes[[0, 1, 3]]:
        panel.spines[["top", "right"]].set_visible(False)
        panel.legend(frameon=False, fontsize=8)
    figure.suptitle(
        f"{title}: against the given labels of {len(test.label):,} test images", x=0.01, ha="left"
    )
    return figure


def _interval(row: pd.Series) -> str:
    return f"{row['value']:.3f} [{row['low']:.3f}–{row['high']:.3f}]"
