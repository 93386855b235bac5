"""Table 2 as people read it: errors of the model and of the labels, according to readers."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cxrnoise.core.spreadsheets import unescaped
from cxrnoise.reading import study
from cxrnoise.reading.verdicts import (
    AC1,
    COHEN,
    COLUMNS,
    CONTROLS,
    EXTRAPOLATED,
    FLEISS,
    MAJORITY,
    MEASURES,
    SAME,
    TREND,
)
from cxrnoise.report.pages import html_page, markdown_table
from cxrnoise.report.table1 import RULES
from cxrnoise.scores.groups import CELLS
from cxrnoise.statistics.intervals import Estimate, share

# An empty field is a missing number here, but a text elsewhere.
MISSING = dict.fromkeys(["estimate", "low", "high", "p", *COLUMNS[-3:]], [""])


@dataclass(frozen=True)
class Setting:
    """What a reader of the table must know beside the numbers.

    groups, sd_factor: as in the configuration.
    confined: whether the cases were drawn among the images that a file of readings covers.
    simulated: whether the readers are simulated, so that no person read the cases.
    """

    dataset: str
    finding: str
    seed: int
    groups: str
    sd_factor: float
    confined: bool
    simulated: bool


def read(path: str | Path) -> pd.DataFrame:
    """Return `table2.csv` or `table2_statistics.csv`; names are always text."""
    names = ["reader", "statistic", "measure", "group"]
    table = pd.read_csv(
        path, dtype=dict.fromkeys(names, str), keep_default_na=False, na_values=MISSING
    )
    return table.assign(reader=table["reader"].map(unescaped))


def title(setting: Setting) -> str:
    """Return the name of the finding; it says so where the readers are simulated."""
    return f"{'SIMULATED READER: ' if setting.simulated else ''}{setting.finding}"


def caption(table: pd.DataFrame, key: pd.DataFrame, setting: Setting) -> str:
    """Return sentences that say what the table shows and how it was made."""
    drawn = key[key["role"] == study.DISAGREEMENT]
    total = round(drawn["weight"].sum())
    sampling = "at random" if set(drawn["stratum"]) == {""} else "by group"
    which = f"{len(drawn)} of the {total:,}" if len(drawn) < total else f"all {total:,}"
    how = f", drawn {sampling}" if len(drawn) < total else ""
    images = "images that had been read before" if setting.confined else "test images"
    people = len(table) - 1
    sentences = [
        f"{setting.finding} in {setting.dataset} (seed {setting.seed}): {which} {images} on which "
        f"the prediction contradicts the label{how}, read by {people} "
        f"{'reader' if people == 1 else 'readers'}.",
        "Errors are shown as A/B: A are label errors according to the reader (who contradicts the "
        "label), B are true errors of the model (the reader confirms the label); in brackets the "
        "share of A with its 95 % Wilson interval.",
        f"Groups of confidence and of uncertainty are {RULES[setting.groups]}.".format(
            sd_factor=setting.sd_factor
        ),
    ]
    if len(table) > 2:
        sentences.append(
            "The majority is more than half of the readers of a case; where there is none, the "
            "case is neither A nor B."
        )
    if setting.simulated:
        sentences.append(
            "NOBODY READ THESE IMAGES: the readers are simulated, from what is true of the "
            "phantoms, with the sensitivity and specificity of the configuration."
        )
    return " ".join(sentences)


def percent(found: Estimate) -> str:
    """Return a share with its interval as percentages; a missing one is a dash."""
    if np.isnan(found.value):
        return "–"
    low, high = (f"{100 * bound:.0f}" for bound in (found.low, found.high))
    return f"{100 * found.value:.0f} % [{low}–{high}]"


PRINTED = ["reader", "cases (not sure)", "all"]
PRINTED += [f"{group} {measure}" for measure, group in CELLS]


def printed(table: pd.DataFrame, paper: pd.DataFrame | None) -> list[list[str]]:
    """Return the lines as the paper prints them, the paper's own last.

    A single reader is the majority, which then has no line of its own.
    """
    own = table if len(table) > 2 else table[table["reader"] != MAJORITY]
    parts = [own] if paper is None else [own, paper]
    return [_line(row) for part in parts for row in part.to_dict("records")]


def _line(row: dict) -> list[str]:
    names = [f"{measure}_{group}" for measure, group in CELLS]
    pairs = [(row["A"], row["B"])] + [(row[f"{name}_A"], row[f"{name}_B"]) for name in names]
    return [
        row["reader"],
        f"{row['n']:.0f} ({row['unsure']:.0f})",
        *(f"{a:.0f}/{b:.0f} {_bracketed(a, b)}".strip() for a, b in pairs),
    ]


def _bracketed(a: float, b: float) -> str:
    return percent(share(a, a + b)) if a + b else ""


INFERRED = [
    "reader",
    *(f"trend by {measure}" for measure in MEASURES),
    "label errors of all disagreements",
]


def inferred(numbers: pd.DataFrame) -> list[list[str]]:
    """Return the lines of trend and extrapolation, from the table `verdicts.statistics`."""
    readers_ = numbers.loc[numbers["statistic"] == EXTRAPOLATED, "reader"].tolist()
    if len(readers_) == 2:
        readers_.remove(MAJORITY)
    lines = []
    for reader in readers_:
        own = numbers[numbers["reader"] == reader]
        trends = own[own["statistic"] == TREND].set_index("measure")
        [total] = own[own["statistic"] == EXTRAPOLATED].to_dict("records")
        lines.append(
            [reader, *(_trend(trends.loc[measure]) for measure in MEASURES), _number(total)]
        )
    return lines


def _trend(row: pd.Series) -> str:
    if np.isnan(row["estimate"]):
        return "–"
    return f"z = {row['estimate']:.2f}, {p_value(row['p'])}".replace("-", "−")


def p_value(p: float) -> str:
    """Return a p-value as it is printed."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _number(row: dict) -> str:
    if np.isnan(row["estimate"]):
        return "–"
    number = f"{row['estimate']:,.0f} of {row['n']:,}"
    if row["low"] == row["high"]:  # all were read
        return number
    return f"{number} [{row['low']:,.0f}–{row['high']:,.0f}]"


AGREEMENT = ["statistic", "readers", "cases", "estimate"]
CAPTIONS = {
    FLEISS: "Fleiss' kappa",
    AC1: "Gwet's AC1",
    COHEN: "Cohen's kappa",
    SAME: "same answer to a repeat",
    CONTROLS: "labels of controls contradicted",
}


def agreed(numbers: pd.DataFrame) -> list[list[str]]:
    """Return the lines of agreement, from the table `verdicts.statistics`."""
    wanted = numbers[numbers["statistic"].isin(CAPTIONS)]
    lines = []
    for row in wanted.to_dict("records"):
        is_share = row["statistic"] in (SAME, CONTROLS)
        found = Estimate(row["estimate"], row["low"], row["high"], row["n"])
        text = percent(found) if is_share else _kappa(found)
        lines.append([CAPTIONS[row["statistic"]], row["reader"], str(row["n"]), text])
    return lines


def _kappa(found: Estimate) -> str:
    if np.isnan(found.value):
        return "–"
    value, low, high = (f"{number:.2f}".replace("-", "−") for number in found[:3])
    return value if np.isnan(found.low) else f"{value} [{low} to {high}]"


ABOUT_INFERRED = (
    "Trend: Cochran-Armitage test of the share of label errors across the groups, from low to high "
    "confidence and from high to low uncertainty; z is positive where the share rises. Label "
    "errors of all disagreements: the share of each stratum of the draw stands for all its "
    "disagreements; cases that are neither A nor B are left out; 95 % interval for a finite "
    "population."
)
ABOUT_AGREEMENT = (
    "Agreement of the readers on all cases that are shown once, “not sure” being an answer of its "
    "own; of a reader with himself or herself on the cases shown twice; and, on images on which "
    "model and label agree, how often a reader contradicts both. 95 % intervals."
)


def markdown(
    table: pd.DataFrame,
    numbers: pd.DataFrame,
    key: pd.DataFrame,
    paper: pd.DataFrame | None,
    setting: Setting,
) -> str:
    """Return Table 2 and what can be inferred from it as Markdown.

    Parameters
    ----------
    table, numbers: `verdicts.counted` and `verdicts.statistics`.
    paper: the paper's Table 2 in the columns of `table`, or None.
    """
    parts = [
        f"**Table 2. {title(setting)}**",
        markdown_table(PRINTED, printed(table, paper), left=1),
        caption(table, key, setting),
        markdown_table(INFERRED, inferred(numbers), left=1),
        ABOUT_INFERRED,
    ]
    lines = agreed(numbers)
    if lines:
        parts += [markdown_table(AGREEMENT, lines, left=2), ABOUT_AGREEMENT]
    return "\n\n".join(parts) + "\n"


def values(
    table: pd.DataFrame,
    numbers: pd.DataFrame,
    key: pd.DataFrame,
    paper: pd.DataFrame | None,
    setting: Setting,
) -> dict[str, object]:
    """Return what the template `sections/table2.html` uses; parameters as in `markdown`."""
    own = len(printed(table, None))
    return {
        "caption": caption(table, key, setting),
        "cells": CELLS,
        "lines": [
            {
                "reader": reader,
                "cases": cases,
                "cells": [_stacked(cell) for cell in cells],
                "paper": number >= own,
            }
            for number, (reader, cases, *cells) in enumerate(printed(table, paper))
        ],
        "about_inferred": ABOUT_INFERRED,
        "inferred_header": INFERRED,
        "inferred": inferred(numbers),
        "about_agreement": ABOUT_AGREEMENT,
        "agreement_header": AGREEMENT,
        "agreement": agreed(numbers),
    }


def html(
    table: pd.DataFrame,
    numbers: pd.DataFrame,
    key: pd.DataFrame,
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
    name = title(setting)
    return html_page(
        templates,
        "table2.html",
        provenance,
        title=f"Table 2: {name}, {setting.dataset}",
        heading=f"Table 2. {name}",
        **values(table, numbers, key, paper, setting),
    )


def _stacked(cell: str) -> dict[str, str]:
    """Return A/B and its share apart: the page prints one below the other to save width."""
    counts, _, of_a = cell.partition(" ")
    return {"counts": counts, "share": of_a}
