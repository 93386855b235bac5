from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom

import disputes
from cxrnoise.core.errors import UserError
from cxrnoise.reading import study, verdicts
from cxrnoise.report.table1 import COLUMNS as TABLE1
from cxrnoise.scores.groups import CELLS
from cxrnoise.statistics.intervals import share
from cxrnoise.statistics.trend import trend

PAPER = Path(__file__).parents[2] / "config" / "paper-table2.csv"


def numbers_of(judged, key, statistic):
    numbers = verdicts.statistics(judged, key)
    return numbers[numbers["statistic"] == statistic].set_index("reader")


def test_the_columns_of_the_groups_are_those_of_table_1():
    cells = [column for column in TABLE1 if column.endswith(("_A", "_B"))]
    assert [
        *("reader", "n", "unsure", "A", "B"),
        *cells,
        *("share_A", "share_A_low", "share_A_high"),
    ] == verdicts.COLUMNS
    assert list(pd.read_csv(PAPER)) == verdicts.COLUMNS


def test_the_papers_table_adds_up():
    [row] = pd.read_csv(PAPER).to_dict("records")
    for measure in verdicts.MEASURES:
        for kind in "AB":
            cells = [row[f"{name}_{group}_{kind}"] for name, group in CELLS if name == measure]
            assert sum(cells) == row[kind]
    found = share(row["A"], row["A"] + row["B"])
    assert found[:3] == pytest.approx(
        (row["share_A"], row["share_A_low"], row["share_A_high"]), abs=1e-6
    )


def test_a_hand_computed_study_is_counted_as_the_paper_counts():
    key = disputes.key(
        [
            (1, "high", "low"),
            (0, "high", "low"),
            (1, "low", "high"),
            (0, "low", "moderate"),
            (0, "moderate", "low"),
        ]
    )
    given = disputes.answers(
        key,
        ann=["absent", "present", "present", "unsure", None],
        bo=["absent", "absent", "present", "absent", "present"],
        cy=["present", "unsure", "unsure", "unsure", "present"],
    )
    table = verdicts.counted(verdicts.judge(key, given)).set_index("reader")
    assert table.index.tolist() == ["majority", "ann", "bo", "cy"]
    counts = table[["n", "unsure", "A", "B"]].to_dict("index")
    assert counts["ann"] == {"n": 4, "unsure": 1, "A": 2, "B": 1}
    assert counts["bo"] == {"n": 5, "unsure": 0, "A": 2, "B": 3}
    assert counts["cy"] == {"n": 5, "unsure": 3, "A": 1, "B": 1}
    assert counts["majority"] == {"n": 5, "unsure": 2, "A": 2, "B": 1}
    cells = table.loc["ann", [name for name in table if name.startswith(("conf", "unc"))]]
    assert cells[cells > 0].to_dict() == {
        "confidence_high_A": 2,
        "confidence_low_B": 1,
        "uncertainty_low_A": 2,
        "uncertainty_high_B": 1,
    }


studies = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(["low", "moderate", "high"]),
        st.sampled_from(["low", "moderate", "high"]),
        st.lists(st.sampled_from(["present", "absent", "unsure", None]), min_size=3, max_size=3),
    ),
    min_size=1,
    max_size=30,
).filter(lambda cases: any(answer for *_, said in cases for answer in said))


@given(studies)
def test_every_reading_is_a_label_error_a_true_error_or_neither(cases):
    key = disputes.key([case[:3] for case in cases])
    said = dict(zip("abc", zip(*(case[3] for case in cases), strict=True), strict=True))
    given = disputes.answers(key, **said)
    table = verdicts.counted(verdicts.judge(key, given))
    assert (table["A"] + table["B"] + table["unsure"] == table["n"]).all()
    for measure in verdicts.MEASURES:
        for kind in "AB":
            cells = [
                name
                for name in table
                if name.startswith(f"{measure}_") and name.endswith(f"_{kind}")
            ]
            assert (table[cells].sum(axis=1) == table[kind]).all()
    read = given.groupby("reader").size()
    assert table.set_index("reader")["n"].drop("majority").to_dict() == read[read > 0].to_dict()


@given(studies)
def test_swapping_all_answers_swaps_label_errors_and_true_errors(cases):
    key = disputes.key([case[:3] for case in cases])
    said = dict(zip("abc", zip(*(case[3] for case in cases), strict=True), strict=True))
    given = disputes.answers(key, **said)
    other = given.replace({"answer": {"present": "absent", "absent": "present"}})
    one, two = (verdicts.counted(verdicts.judge(key, found)) for found in (given, other))
    assert (one["A"] == two["B"]).all() and (one["B"] == two["A"]).all()


def test_a_majority_is_more_than_half_of_those_who_read_the_case():
    key = disputes.key([(0, "low", "low")] * 5)
    given = disputes.answers(
        key,
        a=["present", "present", "present", "unsure", None],
        b=["present", "absent", "unsure", "unsure", "present"],
        c=["absent", None, "absent", "present", None],
    )
    judged = verdicts.judge(key, given)
    majority = judged[judged["reader"] == "majority"].set_index("case")["answer"]
    assert majority[key["case"]].tolist() == ["present", "tied", "tied", "unsure", "present"]


def with_roles(answers):
    """A key of two disagreements, a control and a repeat of the first case; the readings."""
    key = disputes.key(
        [(0, "low", "low"), (1, "high", "low"), (0, "low", "low"), (0, "low", "low")]
    )
    key["role"] = [study.DISAGREEMENT] * 2 + [study.CONTROL, study.REPEAT]
    key.loc[3, "repeats"] = key["case"][0]
    key["weight"] = [1.0, 1.0, 0.0, 0.0]
    return key, disputes.answers(key, **answers)


def test_controls_and_repeats_are_not_among_the_errors():
    key, given = with_roles({"ann": ["present"] * 4})
    table = verdicts.counted(verdicts.judge(key, given)).set_index("reader")
    assert table.loc["ann", ["n", "A", "B"]].tolist() == [2, 1, 1]
    assert table.loc["majority", "n"] == 2


def test_a_reader_is_compared_with_his_or_her_own_answer_to_a_repeat():
    said = {"ann": ["present", "present", "absent", "present"]}
    said["bo"] = ["present", "present", "present", "absent"]
    said["cy"] = ["present", "present", "present", None]
    key, given = with_roles(said)
    judged = verdicts.judge(key, given)
    same = numbers_of(judged, key, verdicts.SAME)
    assert same["estimate"].to_dict() == {"ann": 1, "bo": 0}
    controls = numbers_of(judged, key, verdicts.CONTROLS)
    assert controls["estimate"].to_dict() == {"ann": 0, "bo": 1, "cy": 1, "majority": 1}


def test_agreement_is_of_the_cases_that_are_shown_once():
    said = {"ann": ["present", "absent", "absent", "present"]}
    said["bo"] = ["present", "absent", "absent", "absent"]
    key, given = with_roles(said)
    judged = verdicts.judge(key, given)
    for statistic in (verdicts.COHEN, verdicts.FLEISS, verdicts.AC1):
        [row] = numbers_of(judged, key, statistic).to_dict("records")
        assert (row["n"], row["estimate"]) == (3, pytest.approx(1))


def test_one_reader_agrees_with_nobody():
    key, given = with_roles({"ann": ["present"] * 4})
    statistics = set(verdicts.statistics(verdicts.judge(key, given), key)["statistic"])
    assert statistics.isdisjoint({verdicts.COHEN, verdicts.FLEISS, verdicts.AC1})


def test_a_study_that_nobody_read_is_refused():
    key, given = with_roles({"ann": [None, None, "present", None]})
    with pytest.raises(UserError, match="nobody has read a disagreement"):
        verdicts.judge(key, given)


def test_a_reader_named_like_the_majority_is_refused():
    key, given = with_roles({"majority": ["present"] * 4})
    with pytest.raises(UserError, match="a reader is named 'majority'"):
        verdicts.judge(key, given)


def test_the_papers_trend_rises_with_confidence_and_falls_with_uncertainty():
    row = pd.read_csv(PAPER).to_dict("records")[0]
    for measure in verdicts.MEASURES:
        z, p = trend(*verdicts._ordered(row, measure))
        assert z > 0 and p < 0.05


def one_reader(a, b, unsure=0, unread=0, weight=2.0, stratum=""):
    cases = a + b + unsure + unread
    key = disputes.key([(0, "low", "low")] * cases).assign(weight=weight, stratum=stratum)
    answers = ["present"] * a + ["absent"] * b + ["unsure"] * unsure + [None] * unread
    return key, answers


def extrapolated(key, answers):
    judged = verdicts.judge(key, disputes.answers(key, ann=answers))
    return verdicts.extrapolated(judged[judged["reader"] == "ann"], key)


def test_the_papers_share_stands_for_all_its_922_errors():
    found = extrapolated(*one_reader(39, 51, weight=922 / 90))
    assert found.value == pytest.approx(922 * 39 / 90)
    assert found.n == 922
    low, high = share(39, 90)[1:3]
    assert 922 * low < found.low < found.value < found.high < 922 * high


def test_cases_that_are_not_decided_stand_for_none():
    found = extrapolated(*one_reader(10, 30, unsure=5, unread=5, weight=2))
    assert (found.value, found.n) == (pytest.approx(25), 100)


def test_where_all_are_read_the_number_is_counted():
    assert extrapolated(*one_reader(7, 13, weight=1))[:4] == pytest.approx((7, 7, 7, 20))


def test_the_strata_are_weighted_by_their_disagreements():
    low, said = one_reader(1, 9, weight=10.0, stratum="low")
    high, more = one_reader(4, 1, weight=2.0, stratum="high")
    key = pd.concat([low, high], ignore_index=True)
    key["case"] = [f"{number:012x}" for number in range(len(key))]
    found = extrapolated(key, said + more)
    assert (found.value, found.n) == (pytest.approx(100 * 0.1 + 10 * 0.8), 110)
    assert found.low >= 5 and found.high <= 110 - 10


def test_a_stratum_that_nobody_decided_leaves_the_number_unknown():
    low, said = one_reader(1, 9, stratum="low")
    high, more = one_reader(0, 0, unsure=3, stratum="high")
    key = pd.concat([low, high], ignore_index=True)
    key["case"] = [f"{number:012x}" for number in range(len(key))]
    assert np.isnan(extrapolated(key, said + more).value)


@pytest.mark.parametrize(("wrong", "size", "cases"), [(80, 200, 60), (4, 120, 90), (400, 922, 90)])
def test_the_interval_of_the_extrapolation_covers_the_truth_as_often_as_it_says(wrong, size, cases):
    covered = total = 0.0
    for a in range(max(0, cases - size + wrong), min(wrong, cases) + 1):
        found = extrapolated(*one_reader(a, cases - a, weight=size / cases))
        chance = hypergeom.pmf(a, size, wrong, cases)
        total += chance
        covered += chance * (found.low - 1e-9 <= wrong <= found.high + 1e-9)
    assert total == pytest.approx(1)
    assert 0.92 < covered <= 1


def test_the_interval_of_a_stratified_extrapolation_covers_the_truth_as_often_as_it_says():
    random = np.random.default_rng(1)
    strata = {"low": (300, 30, 35), "moderate": (200, 90, 35), "high": (100, 97, 20)}
    covered = []
    for _ in range(120):
        parts, said = [], []
        for stratum, (size, wrong, cases) in strata.items():
            a = random.hypergeometric(wrong, size - wrong, cases)
            key, answers = one_reader(a, cases - a, weight=size / cases, stratum=stratum)
            parts.append(key)
            said += answers
        key = pd.concat(parts, ignore_index=True)
        key["case"] = [f"{number:012x}" for number in range(len(key))]
        found = extrapolated(key, said)
        covered.append(found.low <= 30 + 90 + 97 <= found.high)
    assert np.mean(covered) > 0.9
