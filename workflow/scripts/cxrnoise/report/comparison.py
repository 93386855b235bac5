"""Every number of the paper beside ours, judged by a stated rule.

The paper's numbers are in `config/paper-table1.csv`, `paper-table2.csv` (the two tables) and
`paper-numbers.csv` (the text). Where they contradict each other is written in docs/paper.md.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from cxrnoise.core.spreadsheets import unescaped
from cxrnoise.reading import verdicts
from cxrnoise.report.pages import html_page, shortest
from cxrnoise.report.table1 import COLUMNS as TABLE1
from cxrnoise.report.table1 import DROP
from cxrnoise.scores.groups import CELLS
from cxrnoise.scores.verdict import KINDS, LABEL_ERROR, TRUE_ERROR
from cxrnoise.statistics.intervals import share

AGREES, DIFFERS, NOT_RUN, NOT_MEASURED = "agrees", "differs", "not run", "not measured"
QUOTED, CONFIGURED = "quoted.", "config:"
RULE = (
    "A number agrees if the paper's value lies within our 95 % interval, widened on either side "
    "by half a unit of the last digit that the paper prints. If our number has no interval, it "
    "agrees if it differs by no more than that half unit. Counts of a table are scaled to the "
    "paper's number of images or cases. The interval covers which images or cases were drawn. "
    "Another training is covered in Table 1 alone, and only with several seeds, whose mean the "
    "numbers then are. So “differs” is a reason to look, not a proof."
)
DROPS = {"situs.drop_16": 16, "situs.drop_32": 32, "situs.drop_32_again": 32}  # noise levels
COLUMNS = ["key", "where", "printed", "paper", "ours", "low", "high", "verdict", "note"]


class Ours(NamedTuple):
    """A number of ours, with its interval where it has one."""

    value: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Number:
    """A number that the paper prints; `within` is half a unit of its last digit.

    Counts and settings are exact.
    """

    key: str
    value: float
    printed: str
    where: str
    note: str = ""
    within: float = field(init=False)

    def __post_init__(self):
        rounded = not self.key.startswith(CONFIGURED)
        object.__setattr__(self, "within", _half_a_unit(self.printed) if rounded else 0.0)


def _half_a_unit(printed: str) -> float:
    decimals = re.search(r"\.(\d+)", printed)
    if "%" in printed:
        return 0.5 / 100 / 10 ** (len(decimals[1]) if decimals else 0)
    return 0.5 / 10 ** len(decimals[1]) if decimals else 0.0


def numbers(table1: pd.DataFrame, table2: pd.DataFrame, text: pd.DataFrame) -> list[Number]:
    """Return the paper's numbers in its order: the text's, then those of Tables 1 and 2.

    Parameters
    ----------
    table1, table2: as the paper's CSV files have them, in the columns of ours.
    text: key, value, printed, where, note.
    """
    found = [Number(**row) for row in text.fillna("").to_dict("records")]
    for row in table1.to_dict("records"):
        for name in TABLE1[2:]:
            printed = f"{row[name]:.3f}" if name.startswith("accuracy") else f"{row[name]:.0f}"
            where = f"Table 1, {row['noise_percent']:g} %"
            key = f"table1.{row['noise_percent']:g}.{name}"
            found.append(Number(key, row[name], printed, where, _named(name)))
    [row] = table2.to_dict("records")
    for measure, group in CELLS:
        for kind in KINDS:
            name = f"{measure}_{group}_{kind}"
            value = row[name]
            found.append(Number(f"table2.{name}", value, f"{value:.0f}", "Table 2", _named(name)))
    return found


def _named(column: str) -> str:
    names = {
        "accuracy_truth": "accuracy, ground truth",
        "accuracy_noisy": "accuracy, noisy labels",
        "errors_noisy": "errors",
    }
    if column in names:
        return names[column]
    measure, group, kind = column.split("_")
    return f"{kind}, {group} {measure}"


def ours_of_table1(
    table: pd.DataFrame, intervals: pd.DataFrame, paper: pd.DataFrame
) -> dict[str, Ours]:
    """Return our numbers of Table 1, by the keys of `numbers`, counts scaled.

    Levels of ours that the paper does not have are left out.

    Parameters
    ----------
    table: `table1.csv`; intervals: `table1_intervals.csv`, of one seed or several; paper: the
        paper's table in the columns of ours.
    """
    found = {"situs.levels": Ours(len(table))}
    bounds = intervals.set_index(["noise_percent", "number"])[["low", "high"]]
    sizes = paper.set_index("noise_percent")["n"]
    for row in table[table["noise_percent"].isin(sizes.index)].to_dict("records"):
        level = row["noise_percent"]
        for name in TABLE1[2:]:
            scale = 1 if name.startswith("accuracy") else sizes[level] / row["n"]
            own = (row[name], *bounds.loc[(level, name)])
            found[f"table1.{level:g}.{name}"] = Ours(*(scale * number for number in own))
    if "table1.8.accuracy_truth" in found:
        found["situs.accuracy_8"] = found["table1.8.accuracy_truth"]
    drops = intervals[intervals["number"] == DROP].set_index("noise_percent")
    for key, level in DROPS.items():
        if level in drops.index:
            found[key] = Ours(*drops.loc[level, ["value", "low", "high"]])
    return found


def _scaled(count: float, n: float, paper_n: float) -> Ours:
    """Return a count of n cases, scaled to the paper's number of cases."""
    if n == 0:
        return Ours(math.nan)
    return Ours(*(bound * paper_n for bound in share(count, n)[:3]))


def ours_of_table2(
    table: pd.DataFrame, statistics: pd.DataFrame, paper: pd.DataFrame
) -> dict[str, Ours]:
    """Return our numbers from `table2.csv` and `table2_statistics.csv`, of the majority."""
    row = table.set_index("reader").loc[verdicts.MAJORITY]
    decided = row[LABEL_ERROR] + row[TRUE_ERROR]
    [cases] = paper[LABEL_ERROR] + paper[TRUE_ERROR]
    found = {
        f"table2.{measure}_{group}_{kind}": _scaled(
            row[f"{measure}_{group}_{kind}"], decided, cases
        )
        for measure, group in CELLS
        for kind in KINDS
    }
    sure = statistics[
        (statistics["reader"] == verdicts.MAJORITY) & (statistics["measure"] == verdicts.BOTH)
    ].iloc[0]
    confirmed = 0 if sure["n"] == 0 else sure["n"] * (1 - sure["estimate"])
    return found | {
        "study.cases": Ours(row["n"]),
        "study.label_errors": _scaled(row[LABEL_ERROR], decided, cases),
        "study.share": Ours(*share(row[LABEL_ERROR], decided)[:3]),
        "study.confident_confirmed": _scaled(confirmed, decided, cases),
    }


def ours_of_cohort(cohort: pd.DataFrame) -> dict[str, Ours]:
    """Return the sizes of the situs cohort."""
    sizes = cohort["split"].value_counts()
    found = {f"situs.{split}": Ours(int(size)) for split, size in sizes.items()}
    mirrored = Ours(round(cohort["mirrored"].mean(), 3))
    return found | {"situs.images": Ours(len(cohort)), "situs.mirrored": mirrored}


def ours_of_finding(
    labels: pd.DataFrame, evaluation: pd.DataFrame, paper: pd.DataFrame
) -> dict[str, Ours]:
    """Return the sizes of a finding's cohort and what its network reached.

    Parameters
    ----------
    labels: the table `labels`; evaluation: `evaluation.csv`; paper: the numbers of the text.
    """
    positive = labels.assign(positive=labels["given_label"] == 1)
    sizes = positive.groupby("split")["positive"].agg(["size", "sum"])
    found = {f"finding.{split}": Ours(int(row["size"])) for split, row in sizes.iterrows()}
    found |= {f"finding.positive_{split}": Ours(int(row["sum"])) for split, row in sizes.iterrows()}
    of = evaluation.set_index("measure")
    for key, measure in (("finding.auc", "auc"), ("finding.accuracy", "accuracy_0.5")):
        found[key] = Ours(*of.loc[measure, ["value", "low", "high"]])
    accuracy, n = of.loc["accuracy_0.5"], paper.set_index("key")["value"]["finding.test"]
    errors = (n * (1 - accuracy[name]) for name in ("value", "high", "low"))
    return found | {"finding.errors": Ours(*errors)}


def ours_of_settings(stated: Mapping[str, float]) -> dict[str, Ours]:
    """Return the settings of this run; see `settings.stated`."""
    return {key: Ours(value) for key, value in stated.items()}


def verdict(number: Number, ours: Ours | None) -> str:
    """Judge one number by `RULE`."""
    if number.key.startswith(QUOTED):
        return NOT_MEASURED
    if ours is None or math.isnan(ours.value):
        return NOT_RUN
    exact = math.isnan(ours.low)
    low, high = (ours.value, ours.value) if exact else (ours.low, ours.high)
    if number.printed.startswith("below"):
        return AGREES if low < number.value else DIFFERS
    setting = number.key.startswith(CONFIGURED)
    slack = number.within + abs(number.value) * (1e-4 if setting else 0)  # 4 : 3 is 1.3333
    slack += 1e-9  # for the last bits
    return AGREES if low - slack <= number.value <= high + slack else DIFFERS


def compare(paper: Iterable[Number], ours: Mapping[str, Ours]) -> pd.DataFrame:
    """Return one row per number of the paper: `COLUMNS`. `ours` has our numbers by key."""
    rows = []
    for number in paper:
        own = ours.get(number.key)
        judged = verdict(number, own)
        value, low, high = own if own is not None else Ours(math.nan)
        rows.append(
            (number.key, number.where, number.printed, number.value)
            + (value, low, high, judged, number.note)
        )
    return pd.DataFrame(rows, columns=COLUMNS)


SECTIONS = {
    "Text": ("situs.", "finding.", "study."),
    "Table 1": ("table1.",),
    "Table 2": ("table2.",),
    "Settings": (CONFIGURED,),
    "Quoted": (QUOTED,),
}
PAPER = "Çallı et al., SPIE Medical Imaging 2019, doi 10.1117/12.2514290"


def read(path: str | Path) -> pd.DataFrame:
    """Return `paper-vs-ours.csv`; what the paper prints is text."""
    texts = ["key", "where", "printed", "verdict", "note"]
    missing = dict.fromkeys(["ours", "low", "high"], [""])
    table = pd.read_csv(
        path, dtype=dict.fromkeys(texts, str), keep_default_na=False, na_values=missing
    )
    return table.assign(**{name: table[name].map(unescaped) for name in texts})


def values(rows: pd.DataFrame, dataset: str, finding: str, simulated: bool) -> dict[str, object]:
    """Return what the template `sections/paper.html` uses; parameters as in `html`."""
    of_section = {
        name: rows[rows["key"].str.startswith(prefixes)] for name, prefixes in SECTIONS.items()
    }
    return {
        "paper": PAPER,
        "dataset": dataset,
        "summary": _summary(rows["verdict"]),
        "reasons": _strange(dataset, finding, simulated),
        "rule": RULE,
        "sections": [_section(name, part) for name, part in of_section.items() if len(part)],
    }


def html(
    rows: pd.DataFrame,
    dataset: str,
    finding: str,
    simulated: bool,
    templates: str | Path,
    provenance: str,
) -> str:
    """Return the comparison as one self-contained HTML page.

    Parameters
    ----------
    rows: what `compare` returns; simulated: whether the readers are; templates: their folder.
    provenance: the JSON text of `provenance.describe`, shown at the foot of the page.
    """
    title = f"{'SIMULATED READER: ' if simulated else ''}The paper and this run"
    return html_page(
        templates,
        "paper_vs_ours.html",
        provenance,
        title=f"{title}: {dataset}",
        heading=title,
        page=True,
        **values(rows, dataset, finding, simulated),
    )


def _summary(verdicts: pd.Series) -> str:
    counts = verdicts.value_counts()
    names = {AGREES: "agree", DIFFERS: "differ", NOT_RUN: NOT_RUN, NOT_MEASURED: NOT_MEASURED}
    return ", ".join(f"{counts[kind]} {name}" for kind, name in names.items() if kind in counts)


def _strange(dataset: str, finding: str, simulated: bool) -> str:
    """Return why the numbers cannot be compared with the paper's, or an empty string."""
    reasons = []
    if dataset != "ChestXRay14":
        reasons.append("these are not the paper's radiographs")
    if finding.lower() != "emphysema":
        reasons.append(f"the finding is {finding}, not emphysema")
    if simulated:
        reasons.append("nobody read them: the reader is simulated")
    return ", and ".join(reasons)


def _section(name: str, rows: pd.DataFrame) -> dict:
    places: dict[str, list[dict]] = {}
    for row in rows.to_dict("records"):
        setting = row["key"].startswith(CONFIGURED)
        what = row["key"].removeprefix(CONFIGURED) if setting else row["note"]
        line = row | {"what": what, "shown": _shown(row), "differs": row["verdict"] == DIFFERS}
        places.setdefault(row["where"], []).append(line)
    return {"name": name, "about": f"{name}: {_summary(rows['verdict'])}.", "places": places}


def _shown(row: dict) -> str:
    """Return our number as the paper prints its own: as a percentage, a fraction or a count."""
    value, low, high = row["ours"], row["low"], row["high"]
    if math.isnan(value):
        return "–"
    if "%" in row["printed"]:
        texts, unit = [f"{100 * number:.1f}" for number in (value, low, high)], " %"
    elif math.isnan(low):
        return f"{value:,.0f}" if value >= 1000 else f"{value:.6g}"
    else:
        decimals = 1 if row["key"].startswith(("table1", "table2", "study")) else 0
        decimals = 3 if row["paper"] < 1 and "." in row["printed"] else decimals
        texts, unit = [shortest(number, decimals) for number in (value, low, high)], ""
    if math.isnan(low):
        return f"{texts[0]}{unit}"
    return f"{texts[0]}{unit} [{texts[1]}–{texts[2]}]".replace("-", "−")
