from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import runs as make
from cxrnoise.core.provenance import describe
from cxrnoise.report import pages, table1
from cxrnoise.scores import tables
from cxrnoise.scores.groups import groups
from cxrnoise.scores.verdict import verdict, verdicts
from cxrnoise.statistics.intervals import wilson
from outline import read_html

PAPER = Path(__file__).parents[2] / "config" / "paper-table1.csv"
SETTING = table1.Setting("ChestXRay14", [0, 1], 100, 16, "softmax", "test-quantiles", 1.0)


TEMPLATES = Path(pages.__file__).parent / "templates"


def make_verdicts(n=300, noise=0.1, seed=0):
    """Verdicts of a model that is mostly right, and wrong where it is not confident."""
    random = np.random.default_rng(seed)
    true = random.integers(0, 2, n)
    flipped = random.random(n) < noise
    certain, unsure = random.random(n) / 2, random.random(n) / 4
    predicted = np.where(certain < 0.05, 1 - true, true)
    images = np.array([f"{number:08d}_000.png" for number in range(n)])
    return pd.DataFrame(
        {
            "image": images,
            "patient": images,
            "true_label": true,
            "given_label": np.where(flipped, 1 - true, true),
            "flipped": flipped,
            "predicted": predicted,
            "mc_predicted": true,
            "confidence": certain,
            "uncertainty": unsure,
            "confidence_group": groups(certain, images),
            "uncertainty_group": groups(unsure, images),
            "verdict": verdict(predicted, np.where(flipped, 1 - true, true), true),
        }
    )


def judged(seeds=(1, 0)):
    return [
        (noise, seed, make_verdicts(noise=noise / 100, seed=seed))
        for noise in (8.0, 0.0, 0.5)
        for seed in seeds
    ]


@pytest.fixture
def runs():
    return table1.by_seed(judged())


@pytest.fixture(scope="module")
def intervals():
    return table1.intervals(judged())


def paper():
    return pd.read_csv(PAPER)


def test_the_columns_are_those_of_the_paper_in_its_order():
    promised = (
        "noise_percent, n, accuracy_truth, accuracy_noisy, errors_noisy, "
        "confidence_low_A, confidence_low_B, confidence_moderate_A, confidence_moderate_B, "
        "confidence_high_A, confidence_high_B, uncertainty_high_A, uncertainty_high_B, "
        "uncertainty_moderate_A, uncertainty_moderate_B, uncertainty_low_A, uncertainty_low_B"
    )
    assert ", ".join(table1.COLUMNS) == promised
    assert list(paper()) == table1.COLUMNS


def test_the_papers_errors_add_up_by_confidence_and_by_uncertainty():
    for measure in ("confidence", "uncertainty"):
        cells = [column for column in table1.COLUMNS if column.startswith(measure)]
        assert (paper()[cells].sum(axis=1) == paper()["errors_noisy"]).all()


def test_the_papers_accuracies_against_noisy_labels_follow_from_its_errors():
    recomputed = 1 - paper()["errors_noisy"] / paper()["n"]
    assert recomputed.to_numpy() == pytest.approx(paper()["accuracy_noisy"], abs=0.001)


def test_a_hand_computed_run_is_counted_as_the_paper_counts():
    scores = pd.DataFrame(
        {
            "true_label": [0, 0, 1, 1, 0],
            "given_label": [1, 0, 1, 0, 1],
            "flipped": [True, False, False, True, True],
            "predicted": [0, 1, 1, 1, 1],
            "mc_predicted": [0, 0, 1, 0, 1],
            "confidence_group": ["high", "low", "high", "moderate", "low"],
            "uncertainty_group": ["low", "high", "low", "low", "moderate"],
            "verdict": ["A", "B", "", "A", ""],
        }
    )
    row = table1.by_seed([(8.0, 0, scores)]).iloc[0]
    counted = row[row.index.str.endswith(("_A", "_B"))]
    assert row["n"] == 5
    assert row["accuracy_truth"] == pytest.approx(3 / 5)
    assert row["accuracy_noisy"] == pytest.approx(2 / 5)
    assert row["errors_noisy"] == 3
    assert counted[counted > 0].to_dict() == {
        "confidence_low_B": 1,
        "confidence_moderate_A": 1,
        "confidence_high_A": 1,
        "uncertainty_high_B": 1,
        "uncertainty_low_A": 2,
    }
    assert row["mc_accuracy_truth"] == pytest.approx(3 / 5)
    assert row["mc_accuracy_noisy"] == pytest.approx(4 / 5)
    assert row["flips"] == 3
    assert row["label_error_recall"] == pytest.approx(2 / 3)
    assert row["disagreement_precision"] == pytest.approx(2 / 3)


def test_a_task_of_three_classes_is_counted_by_the_same_formulas():
    softmax = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])
    run = make.exclusive([0, 1, 2, 0], [0, 0, 0, 2], softmax, softmax[np.newaxis], classes="abc")
    scores = {name: tables.scored(run, name) for name in ("confidence", "uncertainty")}
    row = table1.by_seed([(8.0, 0, tables.wide(verdicts(run), **scores))]).iloc[0]
    assert row["accuracy_truth"] == row["mc_accuracy_truth"] == 2 / 4
    assert row["accuracy_noisy"] == 2 / 4
    assert row["errors_noisy"] == 2
    assert row[[name for name in row.index if name.startswith("confidence") and "_A" in name]].sum()
    assert (row["flips"], row["label_error_recall"]) == (3, 2 / 3)
    assert row["disagreement_precision"] == 1


def test_without_monte_carlo_samples_their_accuracy_is_an_empty_field():
    row = table1.by_seed([(8.0, 0, make_verdicts().assign(mc_predicted=-1))]).iloc[0]
    assert np.isnan(row["mc_accuracy_truth"]) and np.isnan(row["mc_accuracy_noisy"])


def test_another_noise_model_is_named_in_the_caption(runs, intervals):
    assert "noise model" not in table1.markdown(runs, intervals, None, SETTING)
    setting = replace(SETTING, noise_model="class_conditional")
    assert "by the noise model class_conditional" in table1.markdown(runs, intervals, None, setting)


@given(st.integers(0, 10_000), st.floats(0, 0.5), st.integers(1, 80))
def test_errors_are_the_sum_of_their_cells_and_accuracy_is_what_they_leave(seed, noise, n):
    row = table1.by_seed([(noise * 100, 0, make_verdicts(n, noise, seed))]).iloc[0]
    for measure in ("confidence", "uncertainty"):
        cells = [column for column in table1.COLUMNS if column.startswith(measure)]
        assert row[cells].sum() == row["errors_noisy"]
    assert row["accuracy_noisy"] == pytest.approx(1 - row["errors_noisy"] / n)


def test_rows_are_sorted_and_the_seed_follows_the_noise_level(runs):
    assert list(runs)[:3] == ["noise_percent", "seed", "n"]
    assert runs[["noise_percent", "seed"]].to_numpy().tolist() == [
        [noise, seed] for noise in (0, 0.5, 8) for seed in (0, 1)
    ]


def test_several_seeds_become_their_mean(runs):
    table = table1.mean(runs)
    assert table["noise_percent"].tolist() == [0, 0.5, 8]
    assert table["errors_noisy"].iloc[2] == runs["errors_noisy"].iloc[4:].mean()


def test_a_share_that_does_not_exist_is_an_empty_field(runs, tmp_path):
    pages.write_csv(runs, tmp_path / "table.csv")
    back = pd.read_csv(tmp_path / "table.csv")
    assert back["label_error_recall"].isna().tolist()[:2] == [True, True]
    assert "nan" not in (tmp_path / "table.csv").read_text()


def test_a_csv_is_numeric_and_keeps_six_decimals(runs, tmp_path):
    pages.write_csv(runs, tmp_path / "table.csv")
    back = pd.read_csv(tmp_path / "table.csv")
    assert all(pd.api.types.is_numeric_dtype(back[column]) for column in back)
    pd.testing.assert_frame_equal(back, runs, check_dtype=False, rtol=0, atol=5e-7)


def test_the_papers_csv_is_written_as_ours_is(tmp_path):
    pages.write_csv(paper(), tmp_path / "paper.csv")
    assert (tmp_path / "paper.csv").read_bytes() == PAPER.read_bytes()


def test_the_order_of_the_runs_changes_no_byte(tmp_path):
    scores = {seed: make_verdicts(seed=seed) for seed in range(3)}
    for name, seeds in (("up", [0, 1, 2]), ("down", [2, 1, 0])):
        runs = table1.by_seed((8.0, seed, scores[seed]) for seed in seeds)
        pages.write_csv(table1.mean(runs), tmp_path / name)
    assert (tmp_path / "up").read_bytes() == (tmp_path / "down").read_bytes()


def test_the_paper_stands_beneath_the_levels_that_both_have(runs, intervals):
    lines = table1.printed(table1.mean(runs), intervals, paper(), "this run")
    assert [(line.noise, line.source) for line in lines] == [
        ("0", "this run"),
        ("0", "paper"),
        ("0.5", "this run"),
        ("8", "this run"),
        ("8", "paper"),
    ]
    assert lines[-1].cells == [
        "0.994",
        "0.915 (243)",
        *("81/17", "74/0", "71/0"),
        *("78/17", "79/0", "69/0"),
    ]


def test_the_accuracies_of_one_run_have_wilsons_interval():
    one = judged(seeds=[0])
    table, found = table1.mean(table1.by_seed(one)), table1.intervals(one)
    cell = table1.printed(table, found, None, "this run")[0].cells[0]
    low, high = wilson(table["accuracy_truth"].iloc[0], 300)
    assert cell.endswith(f"[{low:.3f}–{high:.3f}]")
    assert set(found["how"]) <= {"Wilson", "Newcombe", ""}


def test_the_accuracies_of_several_seeds_have_an_interval_of_patients_and_seeds(runs, intervals):
    table = table1.mean(runs)
    cell = table1.printed(table, intervals, None, "this run")[0].cells[0]
    row = intervals.set_index(["noise_percent", "number"]).loc[(0, "accuracy_truth")]
    assert row["value"] == pytest.approx(table["accuracy_truth"].iloc[0])
    assert row["low"] < row["value"] < row["high"] <= 1
    assert row["how"] == "bootstrap of patients and t of 2 seeds"
    assert cell.endswith(f"[{row['low']:.3f}–{row['high']:.3f}]")


def test_the_share_of_label_errors_of_each_group_has_an_interval(intervals):
    found = intervals[intervals["noise_percent"] == 8].set_index("number")
    verdicts = [make_verdicts(noise=0.08, seed=seed) for seed in (0, 1)]
    low = [part[(part["confidence_group"] == "low") & (part["verdict"] != "")] for part in verdicts]
    shares = [(part["verdict"] == "A").mean() for part in low]
    assert found.at["confidence_low_share", "value"] == pytest.approx(np.mean(shares))
    assert found.at["confidence_low_share", "n"] == np.mean([len(part) for part in low])


def of(intervals, level, number):
    return intervals.set_index(["noise_percent", "number"]).loc[(level, number)]


def test_counts_have_the_interval_of_their_share_of_the_images(runs, intervals):
    counted = table1.mean(runs).set_index("noise_percent")
    for name in ("errors_noisy", "confidence_low_A", "uncertainty_high_B"):
        row = of(intervals, 8, name)
        assert row["value"] == pytest.approx(counted.at[8, name])
        assert row["low"] < row["value"] < row["high"]
    right, wrong = (of(intervals, 8, name) for name in ("accuracy_noisy", "errors_noisy"))
    assert wrong["low"] == pytest.approx(300 * (1 - right["high"]))
    one = table1.intervals(judged(seeds=[0]))
    errors = of(one, 8, "errors_noisy")
    low, high = wilson(errors["value"] / 300, 300)
    assert (errors["low"], errors["high"]) == pytest.approx((300 * low, 300 * high))


def test_a_drop_of_accuracy_is_measured_on_the_same_images_of_each_seed():
    runs = judged()
    for level, _, table in runs:
        if level == 8:  # five images more are wrong
            right = table["predicted"] == table["true_label"]
            table.loc[right.to_numpy().nonzero()[0][:5], "predicted"] ^= 1
    found = table1.intervals(runs)
    drop = of(found, 8, "accuracy_truth_drop")
    assert drop["value"] == pytest.approx(5 / 300)
    assert 0 < drop["low"] < drop["value"] < drop["high"] < 0.05
    assert drop["how"] == "bootstrap of patients and t of 2 seeds"
    assert "accuracy_truth_drop" not in set(found.loc[found["noise_percent"] == 0, "number"])
    one = of(table1.intervals(judged(seeds=[0])), 8, "accuracy_truth_drop")
    assert one["how"] == "Newcombe" and one["low"] < 0 < one["high"]


def test_the_caption_says_what_an_interval_covers(runs, intervals):
    assert "the variance between the seeds" in table1.markdown(runs, intervals, None, SETTING)
    one = replace(SETTING, seeds=[0])
    assert "leaves out how much the numbers would change" in table1.markdown(
        runs, intervals, None, one
    )


def test_markdown_has_as_many_cells_in_every_line_of_a_table(runs, intervals):
    text = table1.markdown(runs, intervals, paper(), SETTING)
    first, _, second = text.strip().split("\n\n")
    for table in (first, second):
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_without_the_papers_data_set_the_paper_is_not_mentioned(runs, intervals):
    setting = table1.Setting("phantom", [0, 1], 30, 16, "mc-mean", "mean-sd", 1.5)
    text = table1.markdown(runs, intervals, None, setting)
    assert "aper" not in text
    assert "± 1.5 standard deviations" in text
    assert "T = 30 Monte Carlo" in text


def test_the_page_is_well_formed_and_its_rows_are_equally_wide(runs, intervals):
    page = read_html(
        table1.html(
            runs, intervals, paper(), SETTING, TEMPLATES, describe({"dataset": "x"}, "0123")
        )
    )
    assert page.open == []
    assert set(page.rows) == {10, 6}


def test_the_page_is_self_contained_and_says_what_made_it(runs, intervals):
    page = table1.html(
        runs, intervals, paper(), SETTING, TEMPLATES, describe({"groups": "test-quantiles"}, "c0de")
    )
    assert "<script" not in page and "src=" not in page and "href=" not in page
    text = " ".join(read_html(page).text)
    for said in ("A are label errors", "T = 100", "16 training images", "seeds 0, 1", "c0de"):
        assert said in text


def test_a_data_set_with_an_awkward_name_breaks_no_page(runs, intervals):
    setting = table1.Setting("<A & B>", [0], 100, 16, "softmax", "test-quantiles", 1.0)
    page = table1.html(
        runs, intervals, None, setting, TEMPLATES, describe({"dataset": "<A & B>"}, "0")
    )
    assert "<A & B>" not in page and "&lt;small" not in page
    assert "<A & B>" in " ".join(read_html(page).text)
