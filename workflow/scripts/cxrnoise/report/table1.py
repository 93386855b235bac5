"""Table 1: accuracy and kinds of errors against label noise, as numbers and as printed."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.report.pages import html_page, markdown_table, shortest
from cxrnoise.scores.groups import CELLS
from cxrnoise.scores.verdict import KINDS, LABEL_ERROR
from cxrnoise.statistics.intervals import wilson

COLUMNS = ["noise_percent", "n", "accuracy_truth", "accuracy_noisy", "errors_noisy"] + [
    f"{measure}_{group}_{kind}" for measure, group in CELLS for kind in KINDS
]
EXTRA_COLUMNS = [
    "mc_accuracy_truth",
    "mc_accuracy_noisy",
    "flips",
    "label_error_recall",
    "disagreement_precision",
]
SYMMETRIC = "symmetric"  # the paper's noise model
RULES = {
    "test-quantiles": "thirds of the whole test set",
    "val-quantiles": "bounded by the terciles of the validation set",
    "mean-sd": "bounded by the mean of the test set ± {sd_factor:g} standard deviations",
}
SOURCES = {
    "softmax": "the softmax of the trained model",
    "mc-mean": "the mean of the Monte Carlo samples",
}


@dataclass(frozen=True)
class Setting:
    """What a reader must know beside the numbers; the values are those of the configuration."""

    dataset: str
    seeds: list[int]
    samples: int
    batch_size: int
    confidence: str
    groups: str
    sd_factor: float
    noise_model: str = SYMMETRIC


def by_seed(runs: Iterable[tuple[float, int, pd.DataFrame]]) -> pd.DataFrame:
    """Count the errors of every run.

    Parameters
    ----------
    runs: (noise level in percent, seed, verdicts) of each run; the verdicts have the groups of
        confidence and of uncertainty beside them, see `scores.tables.wide`.

    Returns
    -------
    One row per run, sorted by noise level and seed: `COLUMNS` with `seed` after the noise level,
    and `EXTRA_COLUMNS`. Accuracies are fractions. `flips` counts the flipped labels of the test
    set, `label_error_recall` is the share of them that the model disagrees with, and
    `disagreement_precision` is the share of disagreements that are label errors. A share of
    nothing, and an accuracy of Monte Carlo samples that were not drawn, is NaN.
    """
    rows = [
        {"noise_percent": noise, "seed": seed, **_count(verdicts)} for noise, seed, verdicts in runs
    ]
    columns = [COLUMNS[0], "seed", *COLUMNS[1:], *EXTRA_COLUMNS]
    return pd.DataFrame(rows, columns=columns).sort_values(
        ["noise_percent", "seed"], ignore_index=True
    )


def _count(verdicts: pd.DataFrame) -> dict[str, float]:
    true, given = verdicts["true_label"], verdicts["given_label"]
    by_samples = verdicts["mc_predicted"]
    sampled = (by_samples != UNKNOWN).all()
    errors = (verdicts["verdict"] != "").sum()
    label_errors = (verdicts["verdict"] == LABEL_ERROR).sum()
    flips = verdicts["flipped"].sum()
    cells = {
        f"{measure}_{group}_{kind}": (
            (verdicts[f"{measure}_group"] == group) & (verdicts["verdict"] == kind)
        ).sum()
        for measure, group in CELLS
        for kind in KINDS
    }
    return {
        "n": len(verdicts),
        "accuracy_truth": (verdicts["predicted"] == true).mean(),
        "accuracy_noisy": (verdicts["predicted"] == given).mean(),
        "errors_noisy": errors,
        **cells,
        "mc_accuracy_truth": (by_samples == true).mean() if sampled else math.nan,
        "mc_accuracy_noisy": (by_samples == given).mean() if sampled else math.nan,
        "flips": flips,
        "label_error_recall": _ratio(label_errors, flips),
        "disagreement_precision": _ratio(label_errors, errors),
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def mean(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per noise level: the means over the seeds of the table `by_seed`.

    A share that some seeds lack (nothing was flipped, nobody disagreed) is the mean of the others.
    """
    return runs.drop(columns="seed").groupby("noise_percent", as_index=False).mean()


@dataclass(frozen=True)
class Line:
    """One printed line: the noise level, whose numbers these are, and the cells."""

    level: float
    noise: str
    source: str
    cells: list[str]


PRINTED = ["ground truth", "noisy labels (errors)"] + [
    f"{group} {measure}" for measure, group in CELLS
]
FOUND = ["wrong labels", "share found (recall)", "share of the errors (precision)"] + [
    f"MC accuracy, {reference}" for reference in ("ground truth", "noisy labels")
]


def printed(table: pd.DataFrame, paper: pd.DataFrame | None, source: str) -> list[Line]:
    """Return the lines as the paper prints them, each followed by the paper's own.

    Parameters
    ----------
    table: `mean` of the runs; paper: the paper's numbers in the same columns, or None.
    source: what to call the lines of `table`.
    """
    lines = []
    for row in table.to_dict("records"):
        level = row["noise_percent"]
        noise = shortest(level, 6)
        lines.append(Line(level, noise, source, _cells(row, interval=True)))
        if paper is not None:
            same = paper[paper["noise_percent"] == level]
            lines += [
                Line(level, noise, "paper", _cells(theirs, interval=False))
                for theirs in same.to_dict("records")
            ]
    return lines


def _cells(row: dict[str, float], interval: bool) -> list[str]:
    accuracies = [
        f"{row[column]:.3f}" + (f" [{_interval(row[column], row['n'])}]" if interval else "")
        for column in ("accuracy_truth", "accuracy_noisy")
    ]
    accuracies[1] += f" ({shortest(row['errors_noisy'], 1)})"
    return accuracies + [
        "/".join(shortest(row[f"{measure}_{group}_{kind}"], 1) for kind in KINDS)
        for measure, group in CELLS
    ]


def _interval(proportion: float, n: float) -> str:
    low, high = wilson(proportion, n)
    return f"{low:.3f}–{high:.3f}"


def _found(row: dict[str, float]) -> list[str]:
    shares = [
        row["label_error_recall"],
        row["disagreement_precision"],
        row["mc_accuracy_truth"],
        row["mc_accuracy_noisy"],
    ]
    return [
        f"{shortest(row['flips'], 1)} ({100 * row['flips'] / row['n']:.1f} %)",
        *("–" if math.isnan(share) else f"{share:.3f}" for share in shares),
    ]


def caption(table: pd.DataFrame, paper: pd.DataFrame | None, setting: Setting) -> str:
    """Return sentences that say what the table shows and how it was made."""
    seeds = ", ".join(str(seed) for seed in setting.seeds)
    runs = f"Means over the seeds {seeds}" if len(setting.seeds) > 1 else f"One run (seed {seeds})"
    sizes = " or ".join(f"{int(n):,}" for n in sorted(table["n"].unique()))
    sentences = [
        f"Telling mirrored from unmirrored radiographs: {setting.dataset}, "
        f"test set of {sizes} images, against the percentage of wrong labels.",
        "Errors are disagreements of the model with the noisy labels, shown as A/B: "
        "A are label errors (the label is wrong), B true errors (the model is wrong).",
        f"Groups of confidence and of uncertainty are {RULES[setting.groups]}.".format(
            sd_factor=setting.sd_factor
        ),
        f"Confidence is from {SOURCES[setting.confidence]}, uncertainty from T = "
        f"{setting.samples} Monte Carlo batch-normalisation samples of "
        f"{setting.batch_size} training images each.",
        f"{runs}; in brackets the 95 % Wilson interval for the test set of one run.",
    ]
    if setting.noise_model != SYMMETRIC:
        sentences.append(f"Labels are flipped by the noise model {setting.noise_model}.")
    if paper is not None:
        sentences.append("Paper: Table 1 of Çallı et al. 2019, doi 10.1117/12.2514290.")
    return " ".join(sentences)


def markdown(runs: pd.DataFrame, paper: pd.DataFrame | None, setting: Setting) -> str:
    """Return Table 1 and what was found of the label errors as Markdown.

    Parameters
    ----------
    runs: the table `by_seed`; paper: the paper's numbers, or None.
    """
    table = mean(runs)
    lines = printed(table, paper, "this run")
    results = markdown_table(
        ["noise %", "", *PRINTED], [[line.noise, line.source, *line.cells] for line in lines]
    )
    found = markdown_table(["noise %", *FOUND], _found_rows(table))
    return f"{results}\n\n{caption(table, paper, setting)}\n\n{found}\n"


def _found_rows(table: pd.DataFrame) -> list[list[str]]:
    return [[shortest(row["noise_percent"], 6), *_found(row)] for row in table.to_dict("records")]


ABOUT_FOUND = (
    "Wrong labels in the test set, the share of them that the model disagrees with (recall), "
    "their share of all its disagreements (precision); and the accuracy of the mean of the "
    "Monte Carlo samples."
)


def html(
    runs: pd.DataFrame,
    paper: pd.DataFrame | None,
    setting: Setting,
    templates: str | Path,
    provenance: str,
) -> str:
    """Return the content of `markdown` as one self-contained HTML page.

    Parameters
    ----------
    templates: the folder of the templates.
    provenance: the JSON text of `provenance.describe`, shown at the foot of the page.
    """
    table = mean(runs)
    return html_page(
        templates,
        "table1.html",
        provenance,
        title=f"Table 1: {setting.dataset}",
        heading="Table 1",
        caption=caption(table, paper, setting),
        cells=CELLS,
        lines=printed(table, paper, "this run"),
        about_found=ABOUT_FOUND,
        found_header=FOUND,
        found=_found_rows(table),
    )
