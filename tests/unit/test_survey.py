"""Counts from stratified samples: by hand, against a library, and by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from cxrnoise.statistics import survey
from cxrnoise.statistics.intervals import wilson


def test_a_stratum_has_wilsons_interval_for_a_finite_population():
    found = survey.number([4], [30], [90])
    low, high = wilson(4 / 30, 30 * 89 / 60)
    assert found[:4] == pytest.approx((90 * 4 / 30, 90 * low, 90 * high, 90))


def test_distances_to_the_bounds_of_strata_are_combined():
    one, two = survey.number([4], [30], [90]), survey.number([0], [20], [300])
    both = survey.number([4, 0], [30, 20], [90, 300])
    assert both.value == pytest.approx(one.value + two.value)
    assert both.value - both.low == pytest.approx(one.value - one.low)
    assert both.high - both.value == pytest.approx(
        np.hypot(one.high - one.value, two.high - two.value)
    )


def test_a_stratum_that_was_read_whole_adds_no_width():
    alone, beside = survey.number([3], [20], [80]), survey.number([3, 9], [20, 12], [80, 12])
    assert np.subtract(beside[:3], alone[:3]) == pytest.approx([9, 9, 9])


@pytest.mark.parametrize(
    ("read", "size", "groups"),
    [
        ([5, 5, 5], [9, 9, 9], [0, 1, 2]),
        ([1, 5, 5], [9, 9, 9], [0, 0, 1]),
        ([5, 5, 1], [9, 9, 9], [0, 1, 1]),
        ([0, 0, 0], [9, 9, 9], [0, 0, 0]),
        ([5, 1, 0], [9, 1, 4], [0, 1, 1]),  # one read of one is all of them
        ([5, 0, 3], [9, 0, 4], [0, 1, 1]),
    ],
)
def test_a_stratum_with_fewer_than_two_reads_joins_its_neighbour(read, size, groups):
    assert survey.joined(np.array(read), np.array(size)).tolist() == groups


def test_joined_strata_weigh_reads_by_the_inverse_of_their_rate():
    found = survey.number([1, 1], [1, 4], [30, 8])
    assert found.value == pytest.approx(30 + 8 / 4)


def test_where_nothing_was_read_the_interval_is_all_that_is_possible():
    for found in (
        survey.number([0, 0], [0, 0], [30, 8]),
        survey.total(*np.zeros((2, 0)), np.zeros(0, int), np.array([30, 8]), np.array([30, 8])),
    ):
        assert np.isnan(found.value)
        assert found[1:4] == (0, 38, 38)


strata = st.lists(
    st.integers(0, 60).flatmap(
        lambda size: st.integers(0, size).flatmap(
            lambda read: st.tuples(st.integers(0, read), st.just(read), st.just(size))
        )
    ),
    min_size=1,
    max_size=6,
)


@given(strata)
def test_a_number_lies_in_its_interval_and_the_interval_in_what_is_possible(cells):
    found, read, size = map(np.array, zip(*cells, strict=True))
    number = survey.number(found, read, size)
    least, most = found.sum(), size.sum() - (read - found).sum()
    assert least <= number.low <= number.high <= most
    if read.sum():
        assert number.low <= number.value <= number.high
    if (read == size).all():
        assert number.low == number.high == least


images = st.lists(
    st.tuples(
        st.integers(0, 2),  # stratum
        st.lists(st.tuples(st.sampled_from("wru"), st.floats(0, 1)), min_size=1, max_size=4),
        st.booleans(),  # whether it was read
    ),
    min_size=1,
    max_size=25,
)


def total_of(archive, model):
    """The total of an archive of (stratum, labels, read); a label is (w, r or u, chance)."""
    stratum = np.array([number for number, _, _ in archive])
    size = np.array([len(labels) for _, labels, _ in archive])
    read = np.array([read and any(s != "u" for s, _ in labels) for _, labels, read in archive])
    own = [[(said, p) for said, p in labels if said != "u"] for _, labels, _ in archive]
    wrong = np.array([sum(said == "w" for said, _ in labels) for labels in own])
    decided = np.array([len(labels) for labels in own])
    images = np.bincount(stratum, minlength=3)
    expected = None
    if model:
        chances = [[p for _, p in labels] for _, labels, _ in archive]
        spread = np.array([sum(p * (1 - p) for p in labels) for labels in chances])
        expected = survey.Expected(
            np.array([sum(p for _, p in labels) for labels in own])[read],
            sum(map(sum, chances)),
            np.bincount(stratum, spread, 3) / np.maximum(images, 1),
        )
    sizes = np.bincount(stratum, size, 3)
    found = survey.total(wrong[read], decided[read], stratum[read], images, sizes, expected)
    least = wrong[read].sum()
    most = size.sum() - (decided - wrong)[read].sum()
    return found, least, most, decided[read].sum() == size.sum()


@given(images, st.booleans())
def test_a_total_lies_in_its_interval_and_the_interval_in_what_is_possible(archive, model):
    found, least, most, all_read = total_of(archive, model)
    assert least <= found.low <= found.high <= most
    assert np.isnan(found.value) or found.low <= found.value <= found.high
    if all_read:
        assert found.low == pytest.approx(least) and found.high == pytest.approx(least)


STRATUM = np.repeat([0, 1, 2], [5, 4, 3])
WRONG = np.array([0, 1, 0, 2, 1, 3, 0, 2, 2, 5, 4, 4])
LABELS = np.array([4, 4, 3, 4, 4, 5, 2, 4, 4, 6, 5, 4])
IMAGES = np.array([50, 30, 9])
# By `TaylorEstimator` of samplics 0.6: of the total of all, and of the ratio of the first stratum.
STANDARD_ERROR, STANDARD_ERROR_OF_RATIO = 25.09482018, 0.09301458942


def test_a_total_is_that_of_the_textbook():
    found = survey.total(WRONG, np.full(12, 6), STRATUM, IMAGES, 6 * IMAGES)
    assert found.value == pytest.approx(50 * 0.8 + 30 * 7 / 4 + 9 * 13 / 3)
    of_strata = IMAGES**2 * (1 - [5, 4, 3] / IMAGES) * np.array([0.7, 19 / 12, 1 / 3]) / [5, 4, 3]
    assert of_strata.sum() ** 0.5 == pytest.approx(STANDARD_ERROR)
    freedom = of_strata.sum() ** 2 / (of_strata**2 / [4, 3, 2]).sum()
    assert found.high - found.value == pytest.approx(t.ppf(0.975, freedom) * STANDARD_ERROR)


def test_a_total_where_not_all_labels_are_decided_is_a_ratio():
    found = survey.total(WRONG[:5], LABELS[:5], STRATUM[:5], np.array([5000]), np.array([10**6]))
    assert found.value == pytest.approx(10**6 * 4 / 19)
    half = t.ppf(0.975, 4) * 10**6 * STANDARD_ERROR_OF_RATIO * np.sqrt(1 - 19 / 10**6)
    assert found.high - found.value == pytest.approx(half)


def test_a_model_that_says_the_same_of_all_labels_changes_nothing():
    plain = survey.total(WRONG, LABELS, STRATUM, IMAGES, 5 * IMAGES)
    same = survey.Expected(0.2 * LABELS, 0.2 * 5 * IMAGES.sum(), np.zeros(3))
    model = survey.total(WRONG, LABELS, STRATUM, IMAGES, 5 * IMAGES, same)
    assert model[:3] == pytest.approx(plain[:3])


def test_a_model_without_an_error_leaves_no_width():
    knows = survey.Expected(WRONG.astype(float), 123.0, np.zeros(3))
    known = survey.total(WRONG, LABELS, STRATUM, IMAGES, 5 * IMAGES, knows)
    assert known[:3] == pytest.approx((123, 123, 123))


def test_a_stratum_without_a_surprise_is_as_wide_as_the_model_says():
    nothing = np.zeros(40, int)
    small = survey.Expected(np.full(40, 0.01), 10.0, np.array([0.01 * 0.99]))
    everyone = np.array([1000])
    sure = survey.total(nothing, nothing + 1, nothing, everyone, everyone, small)
    half = t.ppf(0.975, 39) * 1000 * np.sqrt(0.01 * 0.99 / 40 * (1 - 40 / 1000))
    assert sure.value == pytest.approx(0, abs=1e-9)
    assert sure.high == pytest.approx(half)


def drawn(rng, stratum, read):
    """Boolean (n,), the images that are read: `read` of each stratum."""
    chosen = np.zeros(len(stratum), bool)
    for number, reads in enumerate(read):
        members = np.flatnonzero(stratum == number)
        chosen[rng.choice(members, reads, replace=False)] = True
    return chosen


def test_the_interval_of_a_number_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    size, wrong, read = np.array([[400, 4, 30], [200, 30, 30], [80, 40, 30]]).T
    found = np.column_stack(
        [rng.hypergeometric(w, n - w, r, 1500) for n, w, r in zip(size, wrong, read, strict=True)]
    )
    intervals = np.array([survey.number(row, read, size)[:3] for row in found])
    covered = (intervals[:, 1] <= wrong.sum()) & (wrong.sum() <= intervals[:, 2])
    assert 0.935 < covered.mean() < 0.99
    assert intervals[:, 0].mean() == pytest.approx(wrong.sum(), rel=0.02)


@pytest.mark.parametrize("model", ["none", "good", "bad"])
def test_the_interval_of_a_total_covers_the_truth_whatever_the_model_says(model):
    rng = np.random.default_rng(1)
    stratum = np.repeat([0, 1, 2], [300, 200, 100])
    share = np.array([0.03, 0.15, 0.4])[stratum][:, np.newaxis] * rng.gamma(2, 0.5, (600, 1))
    chance = np.clip(share * rng.gamma(4, 0.25, (600, 5)), 0, 0.95)
    wrong = rng.random(chance.shape) < chance
    said = {"none": np.zeros_like(chance), "good": chance, "bad": rng.random(chance.shape)}[model]
    images, labels = np.bincount(stratum), np.full(80, 5)
    spread = np.bincount(stratum, (said * (1 - said)).sum(axis=1)) / images
    results = []
    for _ in range(600):
        read = drawn(rng, stratum, [25, 25, 30])
        expected = survey.Expected(said[read].sum(axis=1), said.sum(), spread)
        results.append(
            survey.total(
                *(wrong[read].sum(axis=1), labels, stratum[read], images, 5 * images),
                None if model == "none" else expected,
            )[:3]
        )
    value, low, high = np.array(results).T
    assert value.mean() == pytest.approx(wrong.sum(), rel=0.02)
    assert ((low <= wrong.sum()) & (wrong.sum() <= high)).mean() > 0.93
