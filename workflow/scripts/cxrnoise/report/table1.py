"""Table 1: accuracy and kinds of errors against label noise, as numbers and as printed."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from statsmodels.stats.proportion import confint_proportions_2indep

from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.report.pages import html_page, markdown_table, shortest
from cxrnoise.scores.groups import CELLS
from cxrnoise.scores.verdict import KINDS, LABEL_ERROR
from cxrnoise.statistics import replicates
from cxrnoise.statistics.intervals import Estimate, share

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
ACCURACIES = ("accuracy_truth", "accuracy_noisy")
COUNTS = [name for name in COLUMNS[2:] if name not in ACCURACIES]
# The numbers with an interval, by the columns of `_sides` that are their part and their whole.
SHARES = {
    "accuracy_truth": ("right_truth", "images"),
    "accuracy_noisy": ("right_noisy", "images"),
    **{name: (name, "images") for name in COUNTS},
    **{
        f"{measure}_{group}_share": (f"{measure}_{group}_A", f"{measure}_{group}")
        for measure, group in CELLS
    },
}
DROP = "accuracy_truth_drop"  # from no noise to a level
INTERVALS = ["noise_percent", "number", *Estimate._fields]
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


def intervals(runs: Iterable[tuple[float, int, pd.DataFrame]]) -> pd.DataFrame:
    """Return the numbers of Table 1, and the shares of label errors per group, with intervals.

    With one seed a 95 % interval is Wilson's, of the test set, and that of a drop is Newcombe's.
    With several seeds it is that of `replicates` around the mean over the seeds.

    Parameters
    ----------
    runs: as in `by_seed`; with several seeds the verdicts have the column `patient`. A seed has the
        same test set at all noise levels.

    Returns
    -------
    One row per noise level and number: `INTERVALS`. The number is one of `COLUMNS`,
    `{measure}_{group}_share`, the share A / (A + B) of a group, or `accuracy_truth_drop`, the
    accuracy without noise less that of the level. n is the number of images or, of shares, of
    disagreements, the mean over the seeds.
    """
    by_level = defaultdict(list)
    for noise, _, verdicts in runs:
        by_level[noise].append(_sides(verdicts))
    rows = []
    for noise, seeds in sorted(by_level.items()):
        found = _of_one(seeds[0]) if len(seeds) == 1 else replicates.shares(seeds, SHARES, seed=0)
        for name in COUNTS:
            value, low, high, n, how = found[name]
            found[name] = Estimate(n * value, n * low, n * high, n, how)
        if noise > 0 and 0 in by_level:
            found[DROP] = _drop(by_level[0], seeds)
        rows += [(noise, name, *estimate) for name, estimate in found.items()]
    return pd.DataFrame(rows, columns=INTERVALS)


def _sides(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return of each image on which side of each share it is, 0 or 1."""
    kinds = verdicts["verdict"]
    sides = {
        "images": 1,
        "right_truth": verdicts["predicted"] == verdicts["true_label"],
        "right_noisy": verdicts["predicted"] == verdicts["given_label"],
        "errors_noisy": kinds != "",
    }
    for measure, group in CELLS:
        among = verdicts[f"{measure}_group"] == group
        sides[f"{measure}_{group}"] = among & (kinds != "")
        for kind in KINDS:
            sides[f"{measure}_{group}_{kind}"] = among & (kinds == kind)
    return verdicts.filter(["image", "patient"]).assign(**sides)


def _of_one(sides: pd.DataFrame) -> dict[str, Estimate]:
    sums = sides.drop(columns=["image", "patient"], errors="ignore").sum()
    return {name: share(sums[part], sums[whole]) for name, (part, whole) in SHARES.items()}


def _drop(before: list[pd.DataFrame], after: list[pd.DataFrame]) -> Estimate:
    """Return how much the accuracy against the truth falls, of the same test images."""
    if len(after) == 1:
        (n1, right1), (n2, right2) = (
            (len(sides), sides["right_truth"].sum()) for sides in (before[0], after[0])
        )
        low, high = confint_proportions_2indep(
            right1, n1, right2, n2, method="newcomb", compare="diff"
        )
        return Estimate(right1 / n1 - right2 / n2, float(low), float(high), n2, "Newcombe")
    seeds = []
    for one, other in zip(before, after, strict=True):
        right = one.set_index("image")["right_truth"].loc[other["image"]].to_numpy(int)
        seeds.append(other.assign(fall=right - other["right_truth"].to_numpy(int)))
    pairs = {DROP: ("fall", "images")}
    return replicates.shares(seeds, pairs, seed=0, bounds=replicates.DIFFERENCE)[DROP]


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


def printed(
    table: pd.DataFrame, found: pd.DataFrame, paper: pd.DataFrame | None, source: str
) -> list[Line]:
    """Return the lines as the paper prints them, each followed by the paper's own.

    Parameters
    ----------
    table: `mean` of the runs; found: `intervals` of the runs.
    paper: the paper's numbers in the same columns, or None.
    source: what to call the lines of `table`.
    """
    bounds = found.set_index(["noise_percent", "number"])[["low", "high"]]
    lines = []
    for row in table.to_dict("records"):
        level = row["noise_percent"]
        noise = shortest(level, 6)
        lines.append(Line(level, noise, source, _cells(row, bounds.loc[level])))
        if paper is not None:
            same = paper[paper["noise_percent"] == level]
            lines += [
                Line(level, noise, "paper", _cells(theirs)) for theirs in same.to_dict("records")
            ]
    return lines


def _cells(row: dict[str, float], bounds: pd.DataFrame | None = None) -> list[str]:
    accuracies = [f"{row[column]:.3f}" for column in ACCURACIES]
    if bounds is not None:
        accuracies = [
            f"{accuracy} [{bounds.at[column, 'low']:.3f}–{bounds.at[column, 'high']:.3f}]"
            for accuracy, column in zip(accuracies, ACCURACIES, strict=True)
        ]
    accuracies[1] += f" ({shortest(row['errors_noisy'], 1)})"
    return accuracies + [
        "/".join(shortest(row[f"{measure}_{group}_{kind}"], 1) for kind in KINDS)
        for measure, group in CELLS
    ]


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
    runs = (
        f"One run (seed {seeds}); in brackets the 95 % Wilson interval for its test set. It leaves "
        "out how much the numbers would change with other images for training and test, other "
        "flips and another training; several seeds show that."
    )
    if len(setting.seeds) > 1:
        runs = (
            f"Means over the seeds {seeds}; in brackets their 95 % interval, from a bootstrap of "
            "the patients and from the variance between the seeds."
        )
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
        runs,
    ]
    if setting.noise_model != SYMMETRIC:
        sentences.append(f"Labels are flipped by the noise model {setting.noise_model}.")
    if paper is not None:
        sentences.append("Paper: Table 1 of Çallı et al. 2019, doi 10.1117/12.2514290.")
    return " ".join(sentences)


def markdown(
    runs: pd.DataFrame, found: pd.DataFrame, paper: pd.DataFrame | None, setting: Setting
) -> str:
    """Return Table 1 and what was found of the label errors as Markdown.

    Parameters
    ----------
    runs: the table `by_seed`; found: the table `intervals`; paper: the paper's numbers, or None.
    """
    table = mean(runs)
    lines = printed(table, found, paper, "this run")
    results = markdown_table(
        ["noise %", "", *PRINTED], [[line.noise, line.source, *line.cells] for line in lines]
    )
    errors = markdown_table(["noise %", *FOUND], _found_rows(table))
    return f"{results}\n\n{caption(table, paper, setting)}\n\n{errors}\n"


def _found_rows(table: pd.DataFrame) -> list[list[str]]:
    return [[shortest(row["noise_percent"], 6), *_found(row)] for row in table.to_dict("records")]


ABOUT_FOUND = (
    "Wrong labels in the test set, the share of them that the model disagrees with (recall), "
    "their share of all its disagreements (precision); and the accuracy of the mean of the "
    "Monte Carlo samples."
)


def values(
    runs: pd.DataFrame, found: pd.DataFrame, paper: pd.DataFrame | None, setting: Setting
) -> dict[str, object]:
    """Return a table of the template `sections/table1.html`; parameters as in `markdown`."""
    table = mean(runs)
    return {
        "noise": setting.noise_model.replace("_", " "),
        "caption": caption(table, paper, setting),
        "cells": CELLS,
        "lines": printed(table, found, paper, "this run"),
        "about_found": ABOUT_FOUND,
        "found_header": FOUND,
        "found": _found_rows(table),
    }


def html(
    runs: pd.DataFrame,
    found: pd.DataFrame,
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
    return html_page(
        templates,
        "table1.html",
        provenance,
        title=f"Table 1: {setting.dataset}",
        heading="Table 1",
        tables=[values(runs, found, paper, setting)],
    )
