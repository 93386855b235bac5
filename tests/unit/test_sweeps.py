"""U and the mean of the samples against their number."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import runs
from cxrnoise.report.sweeps import draw
from cxrnoise.statistics import sweeps


def sampled(stored=100, n=300, spread=1.0, seed=0):
    """A run whose samples scatter differently from image to image; every tenth label is wrong."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 2, n)
    given = np.where(np.arange(n) % 10 == 0, 1 - true, true)
    centre = rng.normal(np.where(true == 1, 1.5, -1.5), 1)
    scatter = spread * rng.uniform(0.1, 2, n)
    p = 1 / (1 + np.exp(-(centre + scatter * rng.normal(size=(stored, n)))))
    q = 1 / (1 + np.exp(-centre))
    pairs = np.stack([1 - p, p], axis=-1)
    return runs.exclusive(true, given, np.stack([1 - q, q], axis=-1), pairs)


def values(table, measure):
    return table[table["measure"] == measure].set_index("samples")["value"]


def test_u_agrees_with_itself_the_better_the_more_samples_it_has():
    table = sweeps.sweep(sampled(), seed=0)
    halves = values(table, "split_half")
    assert halves.index.tolist() == [2, 5, 10, 20, 50]  # 2 × 50 are all that are stored
    assert halves.is_monotonic_increasing
    assert halves[2] < 0.8 < 0.9 < halves[50] < 1
    assert values(table, "auroc").index.tolist() == [2, 5, 10, 20, 50, 100]
    bounds = table[table["how"] != ""]
    assert bounds["value"].between(bounds["low"], bounds["high"]).all()
    assert set(bounds["how"]) == {"20 draws of samples"}


def test_a_split_half_by_hand():
    run = sampled(stored=6)
    order = np.array([5, 0, 3, 2, 1, 4])
    predicted = run.samples[:, np.arange(300), run.predicted]
    first, second = predicted[[5, 0, 3]].var(axis=0), predicted[[2, 1, 4]].var(axis=0)
    expected = spearmanr(first, second).statistic
    assert sweeps.split_half(run, order, 3) == pytest.approx(expected, abs=1e-6)


def test_the_network_stands_beside_the_mean_of_its_samples():
    run = sampled()
    table = sweeps.sweep(run, seed=0)
    true = run.labels["true_label"]
    assert values(table, "accuracy_network")[0] == (run.predicted == true).mean()
    mean = run.samples.mean(axis=0).argmax(axis=1)
    assert values(table, "accuracy")[100] == pytest.approx((mean == true).mean())
    assert (table["n"] == 300).all()


def test_labels_without_a_truth_take_no_part_in_what_needs_it():
    run = sampled()
    run.labels.loc[:99, "true_label"] = -1
    table = sweeps.sweep(run, seed=0).set_index("measure")["n"]
    assert set(table["split_half"]) == {300} and set(table["auroc"]) == {200}
    run.labels["true_label"] = -1
    table = sweeps.sweep(run, seed=0)
    assert values(table, "auroc").isna().all() and values(table, "accuracy").isna().all()
    assert values(table, "split_half").notna().all()


def test_samples_that_do_not_differ_have_no_agreement():
    run = sampled(stored=10, spread=0)
    assert values(sweeps.sweep(run, seed=0), "split_half").isna().all()


def test_findings_are_swept_over_all_their_labels():
    rng = np.random.default_rng(0)
    true, p = rng.integers(0, 2, (40, 2)), rng.uniform(size=(40, 2))
    given = np.where(rng.uniform(size=(40, 2)) < 0.2, 1 - true, true)
    given[0, 0] = -1
    samples = np.clip(p + rng.normal(0, 0.1, (10, 40, 2)), 0, 1)
    table = sweeps.sweep(runs.findings(true, given, p, samples), seed=0)
    assert set(table.loc[table["measure"] == "auroc", "n"]) == {79}
    assert table["value"].notna().all()


def test_the_figure_has_a_line_per_batch_size():
    parts = [
        sweeps.sweep(sampled(stored=20, seed=seed), seed).assign(seed=seed, batch=batch)
        for seed in (0, 1)
        for batch in (4, 16)
    ]
    figure = draw(pd.concat(parts), "Sweeps")
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "batches of 4",
        "batches of 16",
        "network",
    ]
    left, _, _ = figure.axes
    assert left.lines[0].get_xdata().tolist() == [2, 5, 10]
