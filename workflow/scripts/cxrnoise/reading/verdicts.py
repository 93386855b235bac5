"""What readers say of the disagreements between model and labels, as numbers."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.reading import study
from cxrnoise.reading.answers import ABSENT, PRESENT
from cxrnoise.scores.groups import CELLS
from cxrnoise.scores.verdict import KINDS, LABEL_ERROR, TRUE_ERROR
from cxrnoise.statistics import agreement, survey
from cxrnoise.statistics.intervals import NOTHING, Estimate, share
from cxrnoise.statistics.trend import trend

MAJORITY = "majority"
TIED = "tied"  # the majority's answer where there is none
COLUMNS = ["reader", "n", "unsure", *KINDS]
COLUMNS += [f"{measure}_{group}_{kind}" for measure, group in CELLS for kind in KINDS]
COLUMNS += ["share_A", "share_A_low", "share_A_high"]
MEASURES = ("confidence", "uncertainty")
BOTH, SURE = "both", "sure"  # measure and group of high confidence and low uncertainty together
STATISTICS = ["statistic", "reader", "measure", "group", "n", "estimate", "low", "high", "p"]
# names of the statistics
SHARE, TREND, EXTRAPOLATED = "share_a", "trend", "label_errors_of_all_disagreements"
COHEN, FLEISS, AC1 = "cohen_kappa", "fleiss_kappa", "gwet_ac1"
SAME, CONTROLS = "same_answer_to_repeat", "controls_contradicted"


def judge(key: pd.DataFrame, given: pd.DataFrame) -> pd.DataFrame:
    """Judge each disagreement by what each reader says.

    Parameters
    ----------
    key, given: the tables `key` and `readings`.

    Returns
    -------
    One row per reader and case: reader, case, answer, verdict and the columns of the key. Each
    case, but not its repeat, has one more row, of the reader `majority`: the answer of more than
    half of the readers of that case, or `tied`. The verdict is `A` where the reader contradicts the
    given label, `B` where the reader confirms it, else empty.

    Raises `UserError` when nobody has read a disagreement, or a reader is called `majority`.
    """
    if MAJORITY in set(given["reader"]):
        raise UserError(
            f"a reader is named {MAJORITY!r}, which is the name of a row of the table: "
            "give the reader another name."
        )
    read = given[["reader", "case", "answer", "other_finding"]]
    shown_first = key.loc[key["role"] != study.REPEAT, "case"]
    votes = read[read["case"].isin(shown_first)]
    majority = votes.groupby("case")["answer"].agg(_majority).reset_index()
    both = pd.concat([majority.assign(reader=MAJORITY, other_finding=""), read])
    judged = both.merge(key, on="case", validate="many_to_one")
    if judged[judged["role"] == study.DISAGREEMENT].empty:
        raise UserError(
            "nobody has read a disagreement of the study yet: read some of them "
            "(make reading-room) or set readings to another source."
        )
    said = judged["answer"].map({PRESENT: 1, ABSENT: 0})
    judged["verdict"] = np.select(
        [said.isna(), said != judged["given_label"]], ["", LABEL_ERROR], TRUE_ERROR
    )
    return judged


def _majority(answers: pd.Series) -> str:
    counts = answers.value_counts()
    return counts.index[0] if 2 * counts.iloc[0] > len(answers) else TIED


def counted(judged: pd.DataFrame) -> pd.DataFrame:
    """Return Table 2: `COLUMNS`, one row for the majority, then one per reader by name.

    n counts the disagreements that were read; A, B and `unsure` (not sure, or no majority) add up
    to it. `share_A` is A / (A + B) with its Wilson interval.
    """
    rows = []
    for reader, own in _by_reader(judged):
        kinds = own["verdict"].value_counts()
        cells = {
            f"{measure}_{group}_{kind}": (
                (own[f"{measure}_group"] == group) & (own["verdict"] == kind)
            ).sum()
            for measure, group in CELLS
            for kind in KINDS
        }
        a, b = (int(kinds.get(kind, 0)) for kind in KINDS)
        found = share(a, a + b)
        head = {"reader": reader, "n": len(own), "unsure": len(own) - a - b, "A": a, "B": b}
        tail = {"share_A": found.value, "share_A_low": found.low, "share_A_high": found.high}
        rows.append(head | cells | tail)
    return pd.DataFrame(rows, columns=COLUMNS)


def _by_reader(judged: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each reader's disagreements, the majority's first."""
    disputed = judged[judged["role"] == study.DISAGREEMENT]
    names = sorted(set(disputed["reader"]) - {MAJORITY})
    for reader in [MAJORITY, *names]:
        yield reader, disputed[disputed["reader"] == reader]


def statistics(judged: pd.DataFrame, key: pd.DataFrame) -> pd.DataFrame:
    """Return shares, trends, extrapolation and agreement, one row per number: `STATISTICS`.

    `n` is the number of cases behind the estimate; for the extrapolation it is the number of all
    disagreements. Only trends have a `p`, which is two-sided.
    """
    rows = []

    def add(statistic, reader, found: Estimate, measure="", group="", p=np.nan):
        value, low, high, n, _ = found
        rows.append((statistic, reader, measure, group, n, value, low, high, p))

    for row in counted(judged).to_dict("records"):
        reader = row["reader"]
        for measure, group in CELLS:
            a, b = (row[f"{measure}_{group}_{kind}"] for kind in KINDS)
            add(SHARE, reader, share(a, a + b), measure, group)
        for measure in MEASURES:
            z, p = trend(*_ordered(row, measure))
            add(TREND, reader, Estimate(z, np.nan, np.nan, row["A"] + row["B"]), measure, p=p)
    for reader, own in _by_reader(judged):
        add(EXTRAPOLATED, reader, extrapolated(own, key))
        sure = (own["confidence_group"] == "high") & (own["uncertainty_group"] == "low")
        a, b = ((own.loc[sure, "verdict"] == kind).sum() for kind in KINDS)
        add(SHARE, reader, share(a, a + b), BOTH, SURE)
    _add_agreement(add, judged)
    return pd.DataFrame(rows, columns=STATISTICS)


def _ordered(row: dict, measure: str) -> tuple[list[int], list[int]]:
    """Return the numbers of A and of B from the doubtful to the sure group."""
    groups = [group for name, group in CELLS if name == measure]
    return tuple([row[f"{measure}_{group}_{kind}"] for group in groups] for kind in KINDS)


def _add_agreement(add, judged: pd.DataFrame) -> None:
    people = judged[judged["reader"] != MAJORITY]
    first = people[people["role"] != study.REPEAT]
    answers = first.pivot(index="case", columns="reader", values="answer")
    if len(answers.columns) > 1:
        counts = agreement.count(answers, (PRESENT, ABSENT))
        add(FLEISS, "all", agreement.fleiss(counts))
        add(AC1, "all", agreement.ac1(counts))
    for one, two in combinations(answers.columns, 2):
        both = answers[[one, two]].dropna()
        found = agreement.cohen(both[one].to_numpy(), both[two].to_numpy())
        add(COHEN, f"{one} & {two}", found)
    again = people[people["role"] == study.REPEAT]
    pairs = again.merge(first, left_on=["reader", "repeats"], right_on=["reader", "case"])
    for reader, own in pairs.groupby("reader"):
        add(SAME, reader, share((own["answer_x"] == own["answer_y"]).sum(), len(own)))
    controls = judged[judged["role"] == study.CONTROL]
    for reader, own in controls.groupby("reader"):
        decided = own[own["verdict"] != ""]
        contradicted = (decided["verdict"] == LABEL_ERROR).sum()
        add(CONTROLS, reader, share(contradicted, len(decided)))


def extrapolated(own: pd.DataFrame, key: pd.DataFrame) -> Estimate:
    """Estimate how many of all disagreements are label errors.

    In each stratum of the draw, the share of label errors among the decided cases is taken for all
    disagreements of the stratum; see `survey.number`.

    Parameters
    ----------
    own: one reader's judged disagreements.

    Returns
    -------
    The number with its interval, `n` being the number of all disagreements; NaN where a stratum
    has no decided case.
    """
    drawn = key[key["role"] == study.DISAGREEMENT]
    sizes = drawn.groupby("stratum")["weight"].sum().round().astype(int)
    label_errors, true_errors = (
        own.loc[own["verdict"] == kind, "stratum"].value_counts().reindex(sizes.index, fill_value=0)
        for kind in KINDS
    )
    read = label_errors + true_errors
    if (read == 0).any():
        return Estimate(*NOTHING, int(sizes.sum()))
    return survey.number(*(part.to_numpy() for part in (label_errors, read, sizes)))
