"""Intervals of proportions and the trend across groups, against published numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from cxrnoise.statistics.intervals import share, wilson
from cxrnoise.statistics.trend import trend


def test_the_wilson_interval_agrees_with_a_published_one():
    # Newcombe, Statistics in Medicine 1998, table I: 81 of 263, 0 of 20
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=1e-4)


def test_a_share_has_its_wilson_interval_and_a_share_of_nothing_does_not_exist():
    found = share(39, 90)
    assert found[:3] == pytest.approx((0.4333, 0.3358, 0.5364), abs=1e-4)
    assert (found.n, found.how) == (90, "Wilson")
    assert np.isnan(share(0, 0)[:3]).all() and share(0, 0).n == 0


def test_the_trend_is_agrestis_for_alcohol_and_malformation():
    # A. Agresti, Categorical Data Analysis: M² = 6.57, p = 0.010
    with_, without = [48, 38, 5, 1, 1], [17066, 14464, 788, 126, 37]
    z, p = trend(with_, without, [0, 0.5, 1.5, 4, 7])
    assert z**2 == pytest.approx(6.57, abs=0.005)
    assert p == pytest.approx(0.010, abs=0.0005)
    assert z > 0


groups = st.lists(st.integers(0, 40), min_size=3, max_size=3)


@given(groups, groups)
def test_the_trend_is_that_of_the_textbook_formula(a, b):
    a, b, score = np.array(a), np.array(b), np.arange(3)
    n = a + b
    z, p = trend(list(a), list(b))
    if a.sum() == 0 or b.sum() == 0 or (n > 0).sum() < 2:
        assert np.isnan(z) and np.isnan(p)
        return
    share, total = a.sum() / n.sum(), n.sum()
    observed = (a * score).sum() - share * (n * score).sum()
    spread = (n * score**2).sum() - (n * score).sum() ** 2 / total
    variance = share * (1 - share) * spread * total / (total - 1)
    assert z == pytest.approx(observed / variance**0.5, abs=1e-6)
    assert p == pytest.approx(2 * norm.sf(abs(z)))
