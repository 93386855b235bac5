"""Table 1: accuracy and kinds of errors against label noise, as numbers and as printed."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from cxrnoise.report.pages import html_page, html_table, markdown_table, shortest, small_interval
from cxrnoise.scores.measures import GROUPS, LABEL_ERROR, TRUE_ERROR, wilson

# in the paper's order: on either side the doubtful cases first
CELLS = [("confidence", group) for group in GROUPS] + [
    ("uncertainty", group) for group in reversed(GROUPS)
]
COLUMNS = ["noise_percent", "n", "accuracy_truth", "accuracy_noisy", "errors_noisy"] + [
    f"{measure}_{group}_{kind}" for measure, group in CELLS for kind in (LABEL_ERROR, TRUE_ERROR)
]
EXTRA_COLUMNS = [
    "mc_accuracy_truth",
    "mc_accuracy_noisy",
    "flips",
    "label_error_recall",
    "disagreement_precision",
]
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


def by_seed(runs: Iterable[tuple[float, int, pd.DataFrame]]) -> pd.DataFrame:
    """Count the errors of every run.

    Parameters
    ----------
    runs: (noise level in percent, seed, the manifest `scores`) of each run.

    Returns
    -------
    One row per run, sorted by noise level and seed: `COLUMNS` with `seed` after the noise level,
    and `EXTRA_COLUMNS`. Accuracies are fractions; `flips` counts the wrong given labels in the
    test set; `label_error_recall` is the share of them that the model disagrees with,
    `disagreement_precision` the share of disagreements that are label errors (both empty where
    there are none).
    """
    rows = [
        {"noise_percent": noise, "seed": seed, **_count(scores)} for noise, seed, scores in runs
    ]
    columns = [COLUMNS[0], "seed", *COLUMNS[1:], *EXTRA_COLUMNS]
    return pd.DataFrame(rows, columns=columns).sort_values(
        ["noise_percent", "seed"], ignore_index=True
    )


def _count(scores: pd.DataFrame) -> dict[str, float]:
    true, given = scores["true_label"], scores["given_label"]
    errors = scores["verdict"] != ""
    label_errors = (scores["verdict"] == LABEL_ERROR).sum()
    cells = {
        f"{measure}_{group}_{kind}": (
            (scores[f"{measure}_group"] == group) & (scores["verdict"] == kind)
        ).sum()
        for measure, group in CELLS
        for kind in (LABEL_ERROR, TRUE_ERROR)
    }
    return {
        "n": len(scores),
        "accuracy_truth": (scores["predicted"] == true).mean(),
        "accuracy_noisy": (scores["predicted"] == given).mean(),
        "errors_noisy": errors.sum(),
        **cells,
        "mc_accuracy_truth": (scores["mc_predicted"] == true).mean(),
        "mc_accuracy_noisy": (scores["mc_predicted"] == given).mean(),
        "flips": scores["flipped"].sum(),
        "label_error_recall": _ratio(label_errors, scores["flipped"].sum()),
        "disagreement_precision": _ratio(label_errors, errors.sum()),
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
        noise = shortest(row["noise_percent"], 6)
        lines.append(Line(noise, source, _cells(row, interval=True)))
        if paper is not None:
            same = paper[paper["noise_percent"] == row["noise_percent"]]
            lines += [
                Line(noise, "paper", _cells(theirs, interval=False))
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
        "/".join(
            shortest(row[f"{measure}_{group}_{kind}"], 1) for kind in (LABEL_ERROR, TRUE_ERROR)
        )
        for measure, group in CELLS
    ]


def _interval(proportion: float, n: float) -> str:
    low, high = wilson(proportion, n)
    return f"{low:.3f}–{high:.3f}"


def _found(row: dict[str, float]) -> list[str]:
    shares = [row["label_error_recall"], row["disagreement_precision"]]
    return [
        f"{shortest(row['flips'], 1)} ({100 * row['flips'] / row['n']:.1f} %)",
        *("–" if math.isnan(share) else f"{share:.3f}" for share in shares),
        f"{row['mc_accuracy_truth']:.3f}",
        f"{row['mc_accuracy_noisy']:.3f}",
    ]


def caption(table: pd.DataFrame, paper: pd.DataFrame | None, setting: Setting) -> str:
    """Return what the table shows and how it was made, in sentences."""
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


def html(runs: pd.DataFrame, paper: pd.DataFrame | None, setting: Setting, provenance: str) -> str:
    """Return the content of `markdown` as one self-contained HTML page.

    Parameters
    ----------
    provenance: the JSON text of `provenance.describe`, shown at the foot of the page.
    """
    table = mean(runs)
    content = f"{_html_results(table, paper, setting)}\n{_html_found(table)}"
    return html_page(f"Table 1: {setting.dataset}", "Table 1", content, provenance)


def _html_results(table: pd.DataFrame, paper: pd.DataFrame | None, setting: Setting) -> str:
    groups = "".join(f'<th scope="col">{group}</th>' for _, group in CELLS)
    head = (
        '<thead><tr><th rowspan="2" scope="col">Noise&nbsp;%</th>'
        '<th rowspan="2" scope="col">Source</th>'
        '<th colspan="2" scope="colgroup">Accuracy relative to</th>'
        '<th colspan="3" scope="colgroup">Errors A/B by confidence</th>'
        '<th colspan="3" scope="colgroup">Errors A/B by uncertainty</th></tr>'
        '<tr><th scope="col">ground truth</th><th scope="col">noisy labels (errors)</th>'
        f"{groups}</tr></thead>"
    )
    lines = printed(table, paper, "this run")
    levels = dict.fromkeys(line.noise for line in lines)
    bodies = "\n".join(
        _html_level([line for line in lines if line.noise == level]) for level in levels
    )
    return html_table("Table 1", caption(table, paper, setting), head, bodies)


def _html_level(lines: list[Line]) -> str:
    first = f'<th scope="rowgroup" rowspan="{len(lines)}">{lines[0].noise}</th>'
    rows = []
    for line in lines:
        kind = ' class="paper"' if line.source == "paper" else ""
        cells = "".join(f"<td>{small_interval(cell)}</td>" for cell in line.cells)
        rows.append(f'<tr{kind}>{first}<th scope="row">{line.source}</th>{cells}</tr>')
        first = ""
    return f"<tbody>{''.join(rows)}</tbody>"


def _html_found(table: pd.DataFrame) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in ["Noise&nbsp;%", *FOUND])
    rows = "\n".join(
        f'<tr><th scope="row">{noise}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        for noise, *cells in _found_rows(table)
    )
    about = (
        "Wrong labels in the test set, the share of them that the model disagrees with (recall), "
        "their share of all its disagreements (precision); and the accuracy of the mean of the "
        "Monte Carlo samples."
    )
    return html_table(
        "Label errors", about, f"<thead><tr>{head}</tr></thead>", f"<tbody>{rows}</tbody>"
    )
