"""Numbers over several seeds: their intervals cover what they say, and stay within their range."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from cxrnoise.statistics import replicates
from cxrnoise.statistics.intervals import wilson

REPETITIONS, SEEDS = 300, 5


def trials(rng, spread, patients=160, share=0.4):
    """Yield a seed's table: which test patients two networks get right.

    The difficulty of a patient is the same for all seeds and both networks; test sets overlap; each
    seed has an effect of its own on each network.
    """
    difficulty = rng.normal(0, 1, patients)
    for _ in range(SEEDS):
        test = rng.permutation(patients)[: int(share * patients)]
        table = {"patient": test.astype(str), "image": 1}
        for name, ease in EASE.items():
            logit = ease + rng.normal(0, spread) + rng.normal(0, 0.7, len(test))
            table[name] = logit > difficulty[test]
        yield pd.DataFrame(table)


EASE = {"one": 1.6, "other": 1.2}


def expected(name, spread):
    """The share right over all patients and all seeds."""
    return norm.cdf(EASE[name] / np.sqrt(1 + spread**2 + 0.7**2))


def measured(tables):
    """The accuracy of one network, and its difference to the other, of each seed and resample."""
    drawn, places = replicates.draws([table["patient"].to_numpy() for table in tables], seed=0)
    drawn = np.vstack([np.ones_like(drawn[:1]), drawn]).astype(np.float32)
    shares = {
        name: np.stack(
            [
                drawn[:, place] @ table[name].to_numpy(np.float32) / drawn[:, place].sum(axis=1)
                for table, place in zip(tables, places, strict=True)
            ]
        )
        for name in EASE
    }
    return shares["one"], shares["one"] - shares["other"]


@pytest.mark.parametrize("spread", [0.0, 0.2, 0.4])
def test_intervals_of_five_seeds_cover_the_truth_at_least_nine_times_in_ten(spread, monkeypatch):
    monkeypatch.setattr(replicates, "weights", cache(replicates.weights))
    monkeypatch.setattr(replicates, "RESAMPLES", 300)
    rng = np.random.default_rng(1)
    covered = {"accuracy": 0, "difference": 0}
    difference = expected("one", spread) - expected("other", spread)
    for _ in range(REPETITIONS):
        accuracy, differences = measured(list(trials(rng, spread)))
        for name, values, truth, bounds in (
            ("accuracy", accuracy, expected("one", spread), replicates.SHARE),
            ("difference", differences, difference, replicates.DIFFERENCE),
        ):
            found = replicates.estimate(values[:, 0], values[:, 1:], 1, bounds)
            covered[name] += found.low <= truth <= found.high
    assert min(covered.values()) >= 0.9 * REPETITIONS


def table(right, patient=None):
    patient = np.arange(len(right)) if patient is None else patient
    return pd.DataFrame({"patient": np.array(patient, str), "image": 1, "right": right})


def accuracy(*tables):
    return replicates.shares(tables, {"accuracy": ("right", "image")}, seed=0)["accuracy"]


def test_one_seed_has_the_percentiles_of_the_bootstrap():
    right = np.arange(50) % 3 > 0
    drawn, [place] = replicates.draws([np.arange(50).astype(str)], seed=0)
    resampled = (drawn[:, place] * right).sum(axis=1) / 50
    found = accuracy(table(right))
    assert found[:3] == pytest.approx((right.mean(), *np.quantile(resampled, [0.025, 0.975])))
    assert (found.n, found.how) == (50, "bootstrap of patients")


def test_a_patient_has_one_weight_for_all_seeds():
    right = np.arange(50) % 3 > 0
    same = accuracy(*[table(right)] * 4)
    assert same[:3] == pytest.approx(accuracy(table(right))[:3])
    others = [table(right, np.arange(50) + 50 * seed) for seed in range(4)]
    assert accuracy(*others).high - accuracy(*others).low < 0.7 * (same.high - same.low)


def test_patients_with_many_images_widen_the_interval():
    right = np.arange(200) % 40 < 30
    clustered = accuracy(table(right, np.arange(200) // 10))
    single = accuracy(table(right))
    assert clustered.value == single.value
    assert clustered.high - clustered.low > 2 * (single.high - single.low)


def test_seeds_that_differ_widen_the_interval():
    alike = accuracy(table(np.arange(99) % 3 > 0), table(np.arange(99) % 3 > 0))
    apart = accuracy(table(np.arange(99) % 3 > 0), table(np.arange(99) % 3 == 0))
    assert alike.value == pytest.approx(2 / 3) and apart.value == pytest.approx(1 / 2)
    assert apart.high - apart.low > alike.high - alike.low
    assert "2 seeds" in apart.how


@pytest.mark.parametrize("seeds", [1, 4])
def test_a_share_of_all_has_an_interval_too(seeds):
    found = accuracy(*[table(np.ones(40, bool))] * seeds)
    assert found[:3] == pytest.approx((1, *wilson(1, 40))) and found.how == "Wilson"


@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 12))
@settings(max_examples=30)
def test_intervals_hold_the_value_and_never_leave_the_range(seed, seeds, n):
    rng = np.random.default_rng(seed)
    tables = [table(rng.random(n) < 0.9, rng.integers(0, 20, n)) for _ in range(seeds)]
    found = accuracy(*tables)
    assert found.value == pytest.approx(np.mean([one["right"].mean() for one in tables]))
    assert 0 <= found.low <= found.value + 1e-9 and found.value - 1e-9 <= found.high <= 1


def test_the_order_of_rows_plays_no_part():
    right = np.arange(60) % 7 > 1
    one = table(right, np.arange(60) // 2)
    assert accuracy(one) == accuracy(one.sample(frac=1, random_state=0))


def test_a_seed_without_the_measure_is_left_out_of_mean_and_interval():
    some = table(np.arange(40) % 4 > 0)
    none = some.iloc[:0]
    assert accuracy(some, none)[:3] == pytest.approx(accuracy(some)[:3])
    nothing = accuracy(none)
    assert np.isnan(nothing[:3]).all() and nothing.how == ""
