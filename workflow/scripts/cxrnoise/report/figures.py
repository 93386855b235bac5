"""The figure beside Table 1, and the same in words."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxrnoise.report.table1 import mean
from cxrnoise.scores.groups import GROUPS
from cxrnoise.statistics.intervals import wilson

# colours of Okabe and Ito, told apart with any colour vision; each has a shape of its own
ACCURACIES = {
    "accuracy_truth": ("ground truth", "#0072B2", "o"),
    "accuracy_noisy": ("noisy labels", "#D55E00", "s"),
}
DOUBTFUL_TO_SURE = [("#D55E00", "v"), ("#009E73", "D"), ("#0072B2", "^")]
TITLE_PAD = 24  # points, room for the legend
ORDER = {"confidence": GROUPS, "uncertainty": GROUPS[::-1]}


def situs(
    runs: pd.DataFrame, intervals: pd.DataFrame, paper: pd.DataFrame | None, dataset: str
) -> Figure:
    """Draw accuracy, and the share of label errors per group, against label noise.

    Parameters
    ----------
    runs: the table `table1.by_seed`.
    intervals: the table `table1.intervals`, drawn where there are several seeds.
    paper: the paper's Table 1, drawn as hollow marks, or None.
    dataset: its name, for the title.
    """
    figure = Figure(figsize=(13, 5))
    axes = figure.subplots(1, 3)
    figure.subplots_adjust(left=0.075, right=0.99, top=0.8, bottom=0.27, wspace=0.33)
    levels = sorted(runs["noise_percent"].unique())
    _draw_accuracy(axes[0], runs, intervals, paper, levels)
    _draw_shares(axes[1], runs, intervals, paper, levels, "confidence")
    _draw_shares(axes[2], runs, intervals, paper, levels, "uncertainty")
    figure.suptitle(
        f"Situs inversus with label noise: {dataset}", x=0.01, ha="left", parse_math=False
    )
    return figure


def in_words(found: pd.DataFrame) -> str:
    """Return what `situs` shows, for people who do not see it.

    Parameters
    ----------
    found: the table `table1.intervals`.
    """
    values = found.pivot(index="noise_percent", columns="number", values="value")
    levels = _listed(f"{level:g}" for level in values.index)
    accuracies = " and ".join(
        f"{_listed(_three_decimals(value) for value in values[column])} against the {name}"
        for column, (name, *_) in ACCURACIES.items()
    )
    most = values.iloc[-1]
    shares = _listed(
        f"{_three_decimals(most[f'{measure}_{group}_share'])} ({group} {measure})"
        for measure, groups in ORDER.items()
        for group in groups
    )
    return (
        f"Plots against the percentage of wrong labels: {levels}. The accuracy is {accuracies}. At "
        f"{values.index[-1]:g} % the share of label errors among the disagreements is {shares}."
    )


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(texts)


def _three_decimals(value: float) -> str:
    return "none" if np.isnan(value) else f"{value:.3f}"


def _draw_accuracy(
    axes: Axes,
    runs: pd.DataFrame,
    intervals: pd.DataFrame,
    paper: pd.DataFrame | None,
    levels: list[float],
) -> None:
    table = mean(runs)
    for shift, (column, (name, colour, marker)) in zip(
        (-0.08, 0.08), ACCURACIES.items(), strict=True
    ):
        style = {"color": colour, "marker": marker}
        if _several(runs):
            _draw_intervals(axes, intervals, column, levels, shift, label=name, **style)
        else:
            _draw_one_run(axes, table[column], table["n"], shift, label=name, **style)
        _draw_seeds(axes, runs, runs[column], levels, shift, **style)
        if paper is not None:
            _draw_paper(axes, paper, paper[column], levels, shift, **style)
    _explain_marks(axes, runs, paper)
    axes.set_title("Accuracy", pad=TITLE_PAD)
    axes.set_ylabel("accuracy (fraction of test images)")
    _finish(axes, levels)
    _write_counts(axes, "errors", table["errors_noisy"], 0)
    _write_counts(axes, "wrong labels", table["flips"], 1)


def _draw_shares(
    axes: Axes,
    runs: pd.DataFrame,
    intervals: pd.DataFrame,
    paper: pd.DataFrame | None,
    levels: list[float],
    measure: str,
) -> None:
    table = mean(runs)
    for position, (group, (colour, marker)) in enumerate(
        zip(ORDER[measure], DOUBTFUL_TO_SURE, strict=True)
    ):
        shift = 0.16 * (position - 1)
        style = {"color": colour, "marker": marker}
        count, share = _disagreements(table, measure, group)
        if _several(runs):
            number = f"{measure}_{group}_share"
            _draw_intervals(axes, intervals, number, levels, shift, label=group, **style)
        else:
            _draw_one_run(axes, share, count, shift, label=group, **style)
        _draw_seeds(axes, runs, _disagreements(runs, measure, group)[1], levels, shift, **style)
        if paper is not None:
            shares = _disagreements(paper, measure, group)[1]
            _draw_paper(axes, paper, shares, levels, shift, **style)
        _write_counts(axes, f"n, {group}", count, position, colour)
    axes.set_title(f"Label errors by {measure}", pad=TITLE_PAD)
    axes.set_ylabel("label errors A / disagreements n")
    axes.set_ylim(-0.04, 1.04)
    _finish(axes, levels)


def _disagreements(table: pd.DataFrame, measure: str, group: str) -> tuple[pd.Series, pd.Series]:
    """Return A + B and A / (A + B) of one group; the share is missing where none disagree."""
    label_errors = table[f"{measure}_{group}_A"]
    count = label_errors + table[f"{measure}_{group}_B"]
    return count, label_errors / count.where(count > 0)


def _several(runs: pd.DataFrame) -> bool:
    return runs["seed"].nunique() > 1


def _draw_one_run(
    axes: Axes, values: pd.Series, counts: pd.Series, shift: float, **style: str
) -> None:
    """Draw shares of one run with their Wilson intervals."""
    known = values.notna().to_numpy()
    positions = np.arange(len(values))[known] + shift
    values, counts = values[known], counts[known]
    bounds = np.array([wilson(*pair) for pair in zip(values, counts, strict=True)])
    _draw_bars(axes, positions, values.to_numpy(), bounds.reshape(-1, 2).T, **style)


def _draw_intervals(
    axes: Axes,
    intervals: pd.DataFrame,
    number: str,
    levels: list[float],
    shift: float,
    **style: str,
) -> None:
    """Draw the means of a number over the seeds with their intervals."""
    known = intervals[(intervals["number"] == number) & intervals["value"].notna()]
    positions = np.searchsorted(levels, known["noise_percent"]) + shift
    bounds = known[["low", "high"]].to_numpy().T
    _draw_bars(axes, positions, known["value"].to_numpy(), bounds, **style)


def _draw_bars(
    axes: Axes, positions: np.ndarray, values: np.ndarray, bounds: np.ndarray, **style: str
) -> None:
    errors = np.abs(bounds - values)
    axes.errorbar(
        positions, values, errors, linewidth=1.4, elinewidth=1, capsize=2, markersize=5, **style
    )


def _draw_seeds(
    axes: Axes, runs: pd.DataFrame, values: pd.Series, levels: list[float], shift: float, **style
) -> None:
    if _several(runs):
        positions = np.searchsorted(levels, runs["noise_percent"]) + shift
        axes.scatter(positions + 0.07, values, s=12, alpha=0.5, linewidths=0, zorder=3, **style)


def _draw_paper(
    axes: Axes, paper: pd.DataFrame, values: pd.Series, levels: list[float], shift: float, **style
) -> None:
    shared = paper["noise_percent"].isin(levels)
    positions = np.searchsorted(levels, paper.loc[shared, "noise_percent"]) + shift
    axes.scatter(
        positions,
        values[shared],
        s=60,
        marker=style["marker"],
        facecolors="none",
        edgecolors=style["color"],
        linewidths=0.9,
        zorder=4,
    )


def _explain_marks(axes: Axes, runs: pd.DataFrame, paper: pd.DataFrame | None) -> None:
    """Add to the legend what the marks without a line are."""
    if _several(runs):
        axes.scatter([], [], s=12, alpha=0.5, color="black", linewidths=0, label="one seed")
    if paper is not None:
        axes.scatter([], [], s=60, facecolors="none", edgecolors="black", label="the paper")


def _write_counts(
    axes: Axes, name: str, counts: pd.Series, row: int, colour: str = "black"
) -> None:
    height = -0.23 - 0.07 * row
    beneath = axes.get_xaxis_transform()
    style = {"va": "center", "fontsize": 8, "color": colour}
    axes.text(-0.05, height, name, ha="right", transform=axes.transAxes, **style)
    for position, count in enumerate(counts):
        text = f"{count:.0f}" if count >= 100 or count == round(count) else f"{count:.1f}"
        axes.text(position, height, text, ha="center", transform=beneath, **style)


def _finish(axes: Axes, levels: list[float]) -> None:
    axes.set_xlim(-0.4, len(levels) - 0.6)
    axes.set_xticks(range(len(levels)), [f"{level:g}" for level in levels])
    axes.set_xlabel("label noise (% of labels flipped)")
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        frameon=False,
        fontsize=8,
        ncols=4,
        columnspacing=1.2,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
    )
