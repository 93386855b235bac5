"""Every number of the paper beside ours, judged by a stated rule, and where the paper errs.

The paper's numbers are in `config/paper-table1.csv`, `paper-table2.csv` (the two tables) and
`paper-numbers.csv` (the text).
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import chisquare, norm
from statsmodels.stats.proportion import confint_proportions_2indep

from cxrnoise.reading import verdicts
from cxrnoise.report.pages import html_page, html_table, shortest, small_interval
from cxrnoise.report.table1 import CELLS
from cxrnoise.report.table1 import COLUMNS as TABLE1
from cxrnoise.scores.measures import LABEL_ERROR, TRUE_ERROR, wilson
from cxrnoise.statistics import agreement

AGREES, DIFFERS, NOT_RUN, NOT_MEASURED = "agrees", "differs", "not run", "not measured"
QUOTED, CONFIGURED = "quoted.", "config:"
RULE = (
    "A number agrees when the paper's value lies within our 95 % interval, widened on either side "
    "by half a unit of the last digit that the paper prints; a number of ours without an interval, "
    "when it differs by no more than that. Counts of a table are scaled to the paper's number of "
    "images or cases. The interval is that of one run of ours: it holds the chance of the draw, "
    "not that of another training, so that “differs” is a reason to look, not a proof."
)
COLUMNS = ["key", "where", "printed", "paper", "ours", "low", "high", "verdict", "mark", "note"]


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
        for kind in (LABEL_ERROR, TRUE_ERROR):
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


def ours_of_table1(table: pd.DataFrame, paper: pd.DataFrame) -> dict[str, Ours]:
    """Return our numbers from `table1.csv`, by the keys of `numbers`, counts scaled.

    Levels of ours that the paper does not have are left out.
    """
    found = {"situs.levels": Ours(len(table))}
    sizes = paper.set_index("noise_percent")["n"]
    for row in table[table["noise_percent"].isin(sizes.index)].to_dict("records"):
        level, n = row["noise_percent"], row["n"]
        for name in TABLE1[2:]:
            if name.startswith("accuracy"):
                ours = Ours(row[name], *wilson(row[name], n))
            else:
                ours = _scaled(row[name], n, sizes[level])
            found[f"table1.{level:g}.{name}"] = ours
    accuracy = {level: found.get(f"table1.{level}.accuracy_truth") for level in (0, 8, 16, 32)}
    if accuracy[8]:
        found["situs.accuracy_8"] = accuracy[8]
    by_level = table.set_index("noise_percent")
    for level in (16, 32):
        if accuracy[0] and accuracy[level]:
            found[f"situs.drop_{level}"] = _drop(by_level.loc[0], by_level.loc[level])
    if "situs.drop_32" in found:
        found["situs.drop_32_again"] = found["situs.drop_32"]
    return found


def _drop(before: pd.Series, after: pd.Series) -> Ours:
    (n1, a1), (n2, a2) = ((row["n"], row["accuracy_truth"]) for row in (before, after))
    low, high = confint_proportions_2indep(
        a1 * n1, n1, a2 * n2, n2, method="newcomb", compare="diff"
    )
    return Ours(a1 - a2, float(low), float(high))


def _scaled(count: float, n: float, paper_n: float) -> Ours:
    """Return a count of n as one of `paper_n`."""
    if n == 0:
        return Ours(math.nan)
    return Ours(*(bound * paper_n for bound in agreement.share(count, n)[:3]))


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
        for kind in (LABEL_ERROR, TRUE_ERROR)
    }
    share = statistics[
        (statistics["reader"] == verdicts.MAJORITY) & (statistics["measure"] == verdicts.BOTH)
    ].iloc[0]
    confirmed = 0 if share["n"] == 0 else share["n"] * (1 - share["estimate"])
    return found | {
        "study.cases": Ours(row["n"]),
        "study.label_errors": _scaled(row[LABEL_ERROR], decided, cases),
        "study.share": Ours(*agreement.share(row[LABEL_ERROR], decided)[:3]),
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
    labels: the manifest; evaluation: `evaluation.csv`; paper: the numbers of the text.
    """
    sizes = labels.groupby("split")["given_label"].agg(["size", "sum"])
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


def compare(
    paper: Iterable[Number], ours: Mapping[str, Ours], marks: Mapping[str, str]
) -> pd.DataFrame:
    """Return one row per number of the paper: `COLUMNS`.

    Parameters
    ----------
    ours: by key; marks: which contradictions a number takes part in, by key.
    """
    rows = []
    for number in paper:
        own = ours.get(number.key)
        judged = verdict(number, own)
        value, low, high = own if own is not None else Ours(math.nan)
        rows.append(
            (number.key, number.where, number.printed, number.value, value, low, high)
            + (judged, marks.get(number.key, ""), number.note)
        )
    return pd.DataFrame(rows, columns=COLUMNS)


class Contradiction(NamedTuple):
    """What does not fit in the paper, in a sentence, and the keys of its numbers."""

    keys: tuple[str, ...]
    sentence: str


def contradictions(
    table1: pd.DataFrame, table2: pd.DataFrame, text: pd.DataFrame
) -> list[Contradiction]:
    """Find by computation where the paper's numbers do not fit each other."""
    said = text.set_index("key")["value"]
    rows = table1.set_index("noise_percent")
    found = [
        *_of_levels(rows, said),
        *_of_accuracies(rows, said),
        *_of_flips(rows),
        *_of_groups(rows, table2),
    ]
    size, errors, accuracy = said["finding.test"], said["finding.errors"], said["finding.accuracy"]
    if round(1 - errors / size, 2) != accuracy:
        found.append(
            Contradiction(
                ("finding.accuracy", "finding.errors"),
                f"{errors:.0f} errors of {size:,.0f} images are an accuracy of "
                f"{1 - errors / size:.4f}, which rounds to {1 - errors / size:.2f}, not to "
                f"{accuracy:.2f}.",
            )
        )
    return found


def _of_levels(rows: pd.DataFrame, said: pd.Series) -> list[Contradiction]:
    found = []
    if len(rows) != said["situs.levels"]:
        found.append(
            Contradiction(
                ("situs.levels",),
                f"The text speaks of {said['situs.levels']:.0f} data sets and names {len(rows)} "
                f"levels, as many as Table 1 has rows.",
            )
        )
    truth = rows["accuracy_truth"]
    for level in (16, 32):
        drop, error = truth[0] - truth[level], 1 - truth[level]
        claimed = said[f"situs.drop_{level}"]
        if round(drop, 3) != claimed:
            is_error = ", but the error rate is" if round(error, 3) == claimed else " and not"
            found.append(
                Contradiction(
                    (f"situs.drop_{level}",),
                    f"A drop of {100 * claimed:.1f} % at {level} % noise is not what Table 1 has: "
                    f"from {truth[0]:.3f} to {truth[level]:.3f} it is {100 * drop:.1f} %"
                    f"{is_error} {100 * claimed:.1f} %.",
                )
            )
    if truth[8] >= said["situs.accuracy_8"]:
        found.append(
            Contradiction(
                ("situs.accuracy_8", "table1.8.accuracy_truth"),
                f"“When label noise is 8 %, accuracy falls below 99 %”, but Table 1 has "
                f"{truth[8]:.3f}.",
            )
        )
    same = rows.index[truth <= rows["accuracy_noisy"]]
    found += [
        Contradiction(
            (f"table1.{level:g}.accuracy_truth", f"table1.{level:g}.accuracy_noisy"),
            "Accuracy against the truth is said to be much better than against the noisy labels "
            f"for all levels; at {level:g} % both are {truth[level]:.3f}.",
        )
        for level in same
    ]
    return found


def _of_accuracies(rows: pd.DataFrame, said: pd.Series) -> list[Contradiction]:
    found = []
    for level, row in rows.iterrows():
        recomputed = 1 - row["errors_noisy"] / row["n"]
        if round(recomputed, 3) != round(row["accuracy_noisy"], 3):
            found.append(
                Contradiction(
                    (f"table1.{level:g}.accuracy_noisy", f"table1.{level:g}.errors_noisy"),
                    f"At {level:g} % noise {row['errors_noisy']:.0f} errors of {row['n']:,.0f} are "
                    f"{recomputed:.5f}, printed as {row['accuracy_noisy']:.3f}: cut off, while "
                    "others are rounded.",
                )
            )
    truth = rows["accuracy_truth"]
    for before, after in zip(rows.index, rows.index[1:], strict=False):
        n, p = rows.loc[before, "n"], (truth[before] + truth[after]) / 2
        z = (truth[after] - truth[before]) / (2 * p * (1 - p) / n) ** 0.5
        if z > norm.ppf(0.975):
            found.append(
                Contradiction(
                    (f"table1.{before:g}.accuracy_truth", f"table1.{after:g}.accuracy_truth"),
                    f"Accuracy rises from {truth[before]:.3f} to {truth[after]:.3f} as noise goes "
                    f"from {before:g} to {after:g} %, more than chance in the test set explains "
                    f"(z = {z:.1f}): single trainings differ by more than the levels.",
                )
            )
    return found


def _of_flips(rows: pd.DataFrame) -> list[Contradiction]:
    """Compare the flips that the table implies with the nominal level.

    The errors against the truth are the true errors B and the flipped labels that the model
    repeats; all flips are those and the label errors A.
    """
    found = []
    for level, row in rows.iterrows():
        a, b = (
            sum(row[f"confidence_{group}_{kind}"] for group in ("low", "moderate", "high"))
            for kind in (LABEL_ERROR, TRUE_ERROR)
        )
        wrong = (1 - row["accuracy_truth"]) * row["n"]
        flips, nominal = a + max(wrong - b, 0), row["n"] * level / 100
        if level > 0:
            z = (flips - nominal) / (nominal * (1 - level / 100)) ** 0.5
            if abs(z) > norm.ppf(0.975):
                found.append(
                    Contradiction(
                        (f"table1.{level:g}.errors_noisy",),
                        f"At {level:g} % noise the table implies about {flips:.0f} flipped labels "
                        f"in the test set, where {nominal:.0f} are expected (z = {z:.1f}).".replace(
                            "= -", "= −"
                        ),
                    )
                )
    return found


def _of_groups(rows: pd.DataFrame, table2: pd.DataFrame) -> list[Contradiction]:
    found = []
    for level, row in rows.iterrows():
        for measure in verdicts.MEASURES:
            names = [f"{measure}_{group}" for name, group in CELLS if name == measure]
            counts = np.array([row[f"{name}_{LABEL_ERROR}"] for name in names])
            if counts.sum() and chisquare(counts).pvalue < 0.001:
                found.append(
                    Contradiction(
                        tuple(f"table1.{level:g}.{name}_{LABEL_ERROR}" for name in names),
                        f"At {level:g} % noise the label errors by {measure}, "
                        f"{'/'.join(f'{count:.0f}' for count in counts)}, are too uneven for "
                        "groups of equal size (χ² test, p < 0.001).",
                    )
                )
    [row] = table2.to_dict("records")
    sizes = {
        measure: tuple(
            int(row[f"{measure}_{group}_A"] + row[f"{measure}_{group}_B"])
            for name, group in CELLS
            if name == measure
        )
        for measure in verdicts.MEASURES
    }
    if len(set(sizes.values())) == 1:
        [shared] = set(sizes.values())
        found.append(
            Contradiction(
                tuple(f"table2.{m}_{g}_{k}" for m, g in CELLS for k in (LABEL_ERROR, TRUE_ERROR)),
                f"The groups of the {sum(shared)} random cases have the sizes "
                f"{'/'.join(map(str, shared))} by confidence and by uncertainty alike, which a "
                "random draw hardly gives: the sizes look chosen.",
            )
        )
    return found


def marks(found: Iterable[Contradiction]) -> dict[str, str]:
    """Return the numbers of the contradictions, from 1, by the key of what they concern."""
    of_key: dict[str, list[str]] = {}
    for number, contradiction in enumerate(found, 1):
        for key in contradiction.keys:
            of_key.setdefault(key, []).append(str(number))
    return {key: ", ".join(numbers) for key, numbers in of_key.items()}


SECTIONS = {
    "Text": ("situs.", "finding.", "study."),
    "Table 1": ("table1.",),
    "Table 2": ("table2.",),
    "Settings": (CONFIGURED,),
    "Quoted": (QUOTED,),
}
PAPER = "Çallı et al., SPIE Medical Imaging 2019, doi 10.1117/12.2514290"


def html(
    rows: pd.DataFrame,
    found: list[Contradiction],
    dataset: str,
    finding: str,
    simulated: bool,
    provenance: str,
) -> str:
    """Return the comparison as one self-contained HTML page.

    Parameters
    ----------
    rows: what `compare` returns; found: what `contradictions` does.
    """
    reader = "SIMULATED READER: " if simulated else ""
    summary = _summary(rows["verdict"])
    parts = [
        f"<p>Numbers of {escape(PAPER)}, beside those of this run on {escape(dataset)}: "
        f"{summary}.{_strange(dataset, finding, simulated)}</p>",
        f"<p>{escape(RULE)}</p>",
    ]
    for name, prefixes in SECTIONS.items():
        part = rows[rows["key"].str.startswith(prefixes)]
        if len(part):
            parts.append(_section(name, part))
    items = "\n".join(f"<li>{escape(one.sentence)}</li>" for one in found)
    parts.append(
        "<h2>Where the paper does not agree with itself</h2>\n"
        f"<p>Found by computation from its own numbers; the marks refer to these.</p>\n"
        f"<ol>\n{items}\n</ol>"
    )
    title = f"{reader}The paper and this run"
    return html_page(f"{title}: {dataset}", title, "\n".join(parts), provenance)


def _summary(verdicts: pd.Series) -> str:
    counts = verdicts.value_counts()
    names = {AGREES: "agree", DIFFERS: "differ", NOT_RUN: NOT_RUN, NOT_MEASURED: NOT_MEASURED}
    return ", ".join(f"{counts[kind]} {name}" for kind, name in names.items() if kind in counts)


def _strange(dataset: str, finding: str, simulated: bool) -> str:
    reasons = []
    if dataset != "ChestXRay14":
        reasons.append("these are not the paper's radiographs")
    if finding.lower() != "emphysema":
        reasons.append(f"the finding is {escape(finding)}, not emphysema")
    if simulated:
        reasons.append("nobody read them: the reader is simulated")
    if not reasons:
        return ""
    return f" <strong>Only the form can be compared: {', and '.join(reasons)}.</strong>"


def _section(name: str, rows: pd.DataFrame) -> str:
    header = ["Where", "What", "Paper", "Ours", "Verdict", "Mark"]
    kinds = [' class="text"'] * 2 + [""] * 2 + [' class="text"'] * 2
    head = "".join(
        f'<th scope="col"{kind}>{text}</th>' for text, kind in zip(header, kinds, strict=True)
    )
    bodies = []
    for where, part in rows.groupby("where", sort=False):
        lines = [_line(row) for row in part.to_dict("records")]
        first = f'<th scope="rowgroup" class="text" rowspan="{len(lines)}">{escape(where)}</th>'
        bodies.append(f"<tbody><tr>{first}" + "</tr>\n<tr>".join(lines) + "</tr></tbody>")
    about = f"{name}: {_summary(rows['verdict'])}."
    return html_table(name, about, f"<thead><tr>{head}</tr></thead>", "\n".join(bodies))


def _line(row: dict) -> str:
    setting = row["key"].removeprefix(CONFIGURED)
    what = setting if row["key"] != setting else row["note"]
    alarm = " alarm" if row["verdict"] == DIFFERS else ""
    return (
        f'<td class="text">{escape(what)}</td><td>{escape(row["printed"])}</td>'
        f"<td>{small_interval(_shown(row))}</td>"
        f'<td class="text{alarm}">{row["verdict"]}</td><td class="text">{row["mark"]}</td>'
    )


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
