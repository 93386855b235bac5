"""The figure of the sweeps over Monte Carlo samples and batch sizes."""

from itertools import cycle

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# colours of Okabe and Ito, told apart with any colour vision; each has a shape of its own
STYLES = [
    ("#D55E00", "v"),
    ("#E69F00", "s"),
    ("#009E73", "D"),
    ("#56B4E9", "o"),
    ("#0072B2", "^"),
    ("#CC79A7", "P"),
]
PANELS = {
    "split_half": ("Is T enough?", "rank correlation of U from T samples\nwith U from T others"),
    "auroc": ("Wrong labels found by U", "AUROC of the score uncertainty"),
    "accuracy": ("Mean of the samples", "accuracy (fraction of true labels)"),
}


def draw(table: pd.DataFrame, title: str) -> Figure:
    """Draw each measure against T, a line per batch size.

    Parameters
    ----------
    table: `sweeps.csv`; means over its seeds are drawn, and bands from the mean low to the mean
        high.
    """
    figure = Figure(figsize=(14, 4.8))
    axes = figure.subplots(1, 3)
    figure.subplots_adjust(left=0.07, right=0.99, top=0.84, bottom=0.13, wspace=0.3)
    numbers = ["value", "low", "high"]
    means = table.groupby(["batch", "measure", "samples"], as_index=False)[numbers].mean()
    for panel, (measure, (name, unit)) in zip(axes, PANELS.items(), strict=True):
        for (batch, of_batch), (colour, marker) in zip(
            means[means["measure"] == measure].groupby("batch"), cycle(STYLES), strict=False
        ):
            style = {"color": colour, "marker": marker, "label": f"batches of {batch}"}
            panel.plot(of_batch["samples"], of_batch["value"], linewidth=1.4, markersize=5, **style)
            band = of_batch["samples"], of_batch["low"], of_batch["high"]
            panel.fill_between(*band, color=colour, alpha=0.15, linewidth=0)
        if measure == "accuracy":
            network = means.loc[means["measure"] == "accuracy_network", "value"].mean()
            panel.axhline(network, color="black", linestyle="--", linewidth=1, label="network")
        _finish(panel, sorted(set(table["samples"]) - {0}), name, unit)
    figure.suptitle(title, x=0.01, ha="left", parse_math=False)
    lines = axes[-1].get_legend_handles_labels()
    figure.legend(*lines, frameon=False, fontsize=8, ncols=len(lines[0]), loc="upper right")
    return figure


def _finish(axes: Axes, sizes: list[int], name: str, unit: str) -> None:
    axes.set_xscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel("Monte Carlo samples T")
    axes.set_ylabel(unit)
    axes.set_title(name)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
