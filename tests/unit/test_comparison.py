import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from statsmodels.stats.proportion import confint_proportions_2indep

import disputes
from cxrnoise.core import settings
from cxrnoise.core.provenance import describe
from cxrnoise.reading import verdicts
from cxrnoise.report import comparison, pages, table1
from cxrnoise.report.comparison import AGREES, DIFFERS, NOT_MEASURED, NOT_RUN, Number, Ours
from cxrnoise.statistics.intervals import wilson
from outline import read_html

TEMPLATES = Path(pages.__file__).parent / "templates"
CONFIG = Path(__file__).parents[2] / "config"
TABLE1, TABLE2, TEXT = (
    pd.read_csv(CONFIG / name)
    for name in ("paper-table1.csv", "paper-table2.csv", "paper-numbers.csv")
)
SETTINGS = yaml.safe_load((CONFIG / "config.yaml").read_text())


def numbers():
    return comparison.numbers(TABLE1, TABLE2, TEXT)


def compared(ours):
    rows = comparison.compare(numbers(), ours)
    return rows.set_index("key")["verdict"]


def intervals_of(table):
    """Return what `table1.intervals` returns of one run with these numbers."""
    rows = []
    before = table.iloc[0]
    for _, row in table.iterrows():
        for name in table1.COLUMNS[2:]:
            unit = 1 if name.startswith("accuracy") else row["n"]
            bounds = wilson(row[name] / unit, row["n"])
            rows.append((row["noise_percent"], name, row[name], *(unit * one for one in bounds)))
        counts = [round(one["accuracy_truth"] * one["n"]) for one in (before, row)]
        drop = confint_proportions_2indep(
            counts[0], before["n"], counts[1], row["n"], method="newcomb", compare="diff"
        )
        fall = before["accuracy_truth"] - row["accuracy_truth"]
        rows.append((row["noise_percent"], table1.DROP, fall, *drop))
    return pd.DataFrame(rows, columns=table1.INTERVALS[:5])


def of_table1(table):
    return comparison.ours_of_table1(table, intervals_of(table), TABLE1)


def evaluation(accuracy=0.95646, auc=0.854):
    rows = [("auc", auc, auc - 0.02, auc + 0.02), ("images", 21176, np.nan, np.nan)]
    rows += [("accuracy_0.5", accuracy, *wilson(accuracy, 21176))]
    return pd.DataFrame(rows, columns=["measure", "value", "low", "high"])


def test_every_number_has_one_key():
    keys = [number.key for number in numbers()]
    assert len(set(keys)) == len(keys)
    assert len(keys) == len(TEXT) + 7 * 15 + 12


@pytest.mark.parametrize(
    ("printed", "within"),
    [
        ("0.854", 0.0005),
        ("0.95", 0.005),
        ("43%", 0.005),
        ("1.5%", 0.0005),
        ("922", 0),
        ("25, 000", 0),
    ],
)
def test_a_printed_number_stands_for_all_that_round_to_it(printed, within):
    assert Number("a", 1.0, printed, "").within == pytest.approx(within)


@pytest.mark.parametrize(
    ("ours", "expected"),
    [
        (Ours(0.86, 0.85, 0.87), AGREES),
        (Ours(0.86, 0.8544, 0.87), AGREES),
        (Ours(0.86, 0.8546, 0.87), DIFFERS),
        (Ours(0.84, 0.83, 0.8536), AGREES),
        (Ours(0.84, 0.83, 0.8534), DIFFERS),
        (Ours(0.8541), AGREES),
        (Ours(0.86), DIFFERS),
        (Ours(math.nan), NOT_RUN),
        (None, NOT_RUN),
    ],
)
def test_the_verdict_is_the_stated_rule(ours, expected):
    assert comparison.verdict(Number("finding.auc", 0.854, "0.854", "§3.2"), ours) == expected


def test_a_bound_is_judged_as_a_bound():
    number = Number("situs.accuracy_8", 0.99, "below 99%", "§3.1")
    assert comparison.verdict(number, Ours(0.98, 0.975, 0.985)) == AGREES
    assert comparison.verdict(number, Ours(0.995, 0.991, 0.997)) == DIFFERS


def test_a_setting_agrees_only_when_it_is_the_papers():
    number = Number("config:training.momentum", 0.9, "0.9", "§2.2")
    assert comparison.verdict(number, Ours(0.9)) == AGREES
    assert comparison.verdict(number, Ours(0.92)) == DIFFERS


def test_our_configuration_is_the_papers():
    stated = settings.stated(settings.validate(SETTINGS).model_dump(), CONFIG / "paper-numbers.csv")
    found = compared(comparison.ours_of_settings(stated))
    own = found[found.index.str.startswith("config:")]
    assert len(own) > 10 and set(own) == {AGREES}


def test_the_paper_agrees_with_itself_where_it_does():
    ours = of_table1(TABLE1)
    found = compared(ours)
    tables = found[found.index.str.startswith("table1.")]
    assert set(tables) == {AGREES}
    assert found["situs.accuracy_8"] == DIFFERS
    assert found["situs.levels"] == DIFFERS


def test_what_has_not_been_made_is_said_and_the_rest_is_compared():
    found = compared(of_table1(TABLE1[:3]))
    assert set(found[found.index.str.startswith("table1.2.")]) == {AGREES}
    assert set(found[found.index.str.startswith("table1.32.")]) == {NOT_RUN}
    assert set(found[found.index.str.startswith("table2.")]) == {NOT_RUN}
    assert found["situs.drop_16"] == found["finding.auc"] == NOT_RUN
    assert found["quoted.experience"] == NOT_MEASURED
    assert set(compared({})) == {NOT_RUN, NOT_MEASURED}


def test_counts_of_a_smaller_test_set_are_scaled_to_the_papers():
    small = TABLE1.assign(n=717, **{name: TABLE1[name] / 4 for name in TABLE1.columns[4:]})
    ours = of_table1(small)
    assert ours["table1.8.errors_noisy"].value == pytest.approx(243)
    low, high = wilson(243 / 2868, 717)
    assert ours["table1.8.errors_noisy"][1:] == pytest.approx((low * 2868, high * 2868))


def test_bounds_are_those_of_the_intervals_whatever_made_them():
    wide = intervals_of(TABLE1)
    wide[["low", "high"]] = [0.25, 0.75]
    found = comparison.ours_of_table1(TABLE1, wide, TABLE1)
    assert found["table1.8.accuracy_noisy"][1:] == found["situs.drop_16"][1:] == (0.25, 0.75)
    halved = TABLE1.assign(n=1434)
    scaled = comparison.ours_of_table1(halved, wide, TABLE1)["table1.8.errors_noisy"]
    assert scaled[1:] == (0.5, 1.5)


def test_a_drop_has_the_interval_of_a_difference():
    drop = of_table1(TABLE1)["situs.drop_32"]
    assert drop.value == pytest.approx(0.044)
    assert drop.low < 0.044 < drop.high
    half = 1.96 * (0.998 * 0.002 / 2868 + 0.954 * 0.046 / 2868) ** 0.5
    assert (drop.high - drop.low) / 2 == pytest.approx(half, rel=0.05)


def test_the_papers_own_study_agrees_with_its_table_2():
    row = TABLE2.to_dict("records")[0]
    cases = []
    for confidence, uncertainty, kind, count in [
        ("low", "high", "A", 13),
        ("low", "high", "B", 22),
        ("moderate", "moderate", "A", 10),
        ("moderate", "moderate", "B", 24),
        ("high", "low", "A", 15),
        ("high", "low", "B", 4),
        ("high", "moderate", "A", 1),
        ("moderate", "low", "B", 1),
    ]:
        cases += [(1, confidence, uncertainty, kind)] * count
    key = disputes.key([case[:3] for case in cases])
    said = ["absent" if case[3] == "A" else "present" for case in cases]
    judged = verdicts.judge(key, disputes.answers(key, radiologist=said))
    table, statistics = verdicts.counted(judged), verdicts.statistics(judged, key)
    counted = table.set_index("reader").loc["radiologist"]
    assert all(counted[name] == row[name] for name in TABLE2.columns[1:17])
    ours = comparison.ours_of_table2(table, statistics, TABLE2)
    found = compared(ours)
    assert set(found[found.index.str.startswith(("table2.", "study."))]) == {AGREES}
    assert ours["study.confident_confirmed"].value == pytest.approx(4)


def test_a_study_of_which_nothing_is_decided_is_not_run():
    key = disputes.key([(0, "low", "low")] * 3)
    judged = verdicts.judge(key, disputes.answers(key, ann=["unsure"] * 3))
    table, statistics = verdicts.counted(judged), verdicts.statistics(judged, key)
    found = compared(comparison.ours_of_table2(table, statistics, TABLE2))
    assert set(found[found.index.str.startswith("table2.")]) == {NOT_RUN}


def test_the_cohorts_are_compared_exactly():
    cohort = pd.DataFrame({"split": ["train"] * 25000 + ["val"] * 1000 + ["test"] * 2868})
    found = compared(comparison.ours_of_cohort(cohort.assign(mirrored=cohort.index % 2 == 0)))
    for key in ("images", "train", "val", "test", "mirrored"):
        assert found[f"situs.{key}"] == AGREES
    short = comparison.ours_of_cohort(cohort[1:].assign(mirrored=True))
    assert compared(short)["situs.train"] == DIFFERS


def test_a_finding_is_compared_by_cohort_auc_accuracy_and_errors():
    labels = pd.DataFrame({"split": ["test"] * 21176, "given_label": [1] * 436 + [0] * 20740})
    found = compared(comparison.ours_of_finding(labels, evaluation(), TEXT))
    assert found["finding.test"] == found["finding.positive_test"] == AGREES
    assert found["finding.auc"] == found["finding.errors"] == AGREES
    worse = compared(comparison.ours_of_finding(labels, evaluation(0.9, 0.7), TEXT))
    assert worse["finding.auc"] == worse["finding.errors"] == worse["finding.accuracy"] == DIFFERS


def page(ours, **changed):
    rows = comparison.compare(numbers(), ours)
    known = {"dataset": "ChestXRay14", "finding": "Emphysema", "simulated": False}
    made_by = describe({}, "c0de")
    return comparison.html(rows, **known | changed, templates=TEMPLATES, provenance=made_by)


def test_the_page_is_well_formed_and_states_its_rule():
    text = page(of_table1(TABLE1))
    outline = read_html(text)
    assert outline.open == []
    assert set(outline.rows) == {5}
    assert comparison.RULE in " ".join(outline.text)
    assert "<script" not in text and "src=" not in text and "href=" not in text
    assert "Only the form" not in text and "SIMULATED" not in text


def test_the_page_says_what_cannot_be_compared():
    text = page({}, dataset="<phantom>", finding="Nodule", simulated=True)
    assert "<h1>SIMULATED READER: The paper and this run</h1>" in text
    assert "these are not the paper's radiographs" in " ".join(read_html(text).text)
    assert "the finding is Nodule" in text and "nobody read them" in text
    assert "<phantom>" not in text


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        ({"ours": 0.9, "low": 0.88, "high": 0.91, "printed": "0.854"}, "0.9 [0.88–0.91]"),
        ({"ours": 0.4, "low": 0.34, "high": 0.54, "printed": "43%"}, "40.0 % [34.0–54.0]"),
        ({"ours": 25000, "low": np.nan, "high": np.nan, "printed": "25, 000"}, "25,000"),
        ({"ours": 0.001, "low": np.nan, "high": np.nan, "printed": "0.001"}, "0.001"),
        ({"ours": np.nan, "low": np.nan, "high": np.nan, "printed": "6"}, "–"),
    ],
)
def test_our_number_is_shown_as_the_paper_shows_its_own(row, shown):
    assert comparison._shown({"key": "finding.x", "paper": 0.5, **row}) == shown
