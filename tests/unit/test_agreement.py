import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import fleiss_kappa

from cxrnoise.statistics import agreement

VOCABULARY = ["present", "absent"]
NOBODY = None
# K. Krippendorff's example as K. L. Gwet has it in the Handbook of Inter-Rater Reliability (2014)
FOUR_READERS = [
    [1, 1, NOBODY, 1],
    [2, 2, 3, 2],
    [3, 3, 3, 3],
    [3, 3, 3, 3],
    [2, 2, 2, 2],
    [1, 2, 3, 4],
    [4, 4, 4, 4],
    [1, 1, 2, 1],
    [2, 2, 2, 2],
    [NOBODY, 5, 5, 5],
    [NOBODY, NOBODY, 1, 1],
    [NOBODY, NOBODY, 3, NOBODY],
]
# J. L. Fleiss, Psychological Bulletin 76, 1971, as the encyclopaedias print it
FOURTEEN_READERS = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]
counts = st.lists(
    st.lists(st.integers(0, 4), min_size=3, max_size=3).filter(lambda row: sum(row) >= 2),
    min_size=3,
    max_size=30,
)


def four_readers():
    return np.array([[row.count(answer) for answer in range(1, 6)] for row in FOUR_READERS])


def from_table(table):
    """The two readers' answers that a contingency table counts."""
    rows, columns = np.indices(np.shape(table))
    return tuple(np.repeat(axis.ravel(), np.ravel(table)).astype(str) for axis in (rows, columns))


def test_ac1_and_its_interval_are_the_published_ones_where_some_cases_are_unread():
    found = agreement.ac1(four_readers())
    assert found[:3] == pytest.approx((0.775, 0.461, 1.0), abs=5e-4)
    assert found.n == 11


def test_fleiss_kappa_and_its_interval_are_the_published_ones_where_some_cases_are_unread():
    assert agreement.fleiss(four_readers())[:3] == pytest.approx((0.761, 0.424, 1.0), abs=5e-4)


def test_fleiss_own_example():
    assert agreement.fleiss(np.array(FOURTEEN_READERS)).value == pytest.approx(0.210, abs=5e-4)


def test_gwets_example_of_two_readers_who_agree_and_whose_kappa_is_negative():
    one, other = from_table([[118, 5], [2, 0]])
    answers = pd.DataFrame({"one": one, "other": other}).replace({"0": "present", "1": "absent"})
    assert agreement.ac1(agreement.count(answers, VOCABULARY)).value == pytest.approx(
        0.9408, abs=5e-5
    )
    assert agreement.cohen(one, other).value == pytest.approx(-0.0234, abs=5e-5)


def test_cohens_kappa_and_its_interval_are_those_of_fleiss_textbook():
    # J. L. Fleiss, Statistical Methods for Rates and Proportions: 0.676, standard error 0.088
    found = agreement.cohen(*from_table([[75, 1, 4], [5, 4, 1], [0, 0, 10]]))
    assert found[:3] == pytest.approx((0.676, 0.504, 0.848), abs=2e-3)
    assert found.n == 100


@given(st.lists(st.tuples(*2 * [st.sampled_from("pau")]), min_size=2, max_size=60))
def test_cohens_kappa_is_scikit_learns(pairs):
    one, other = map(np.array, zip(*pairs, strict=True))
    found = agreement.cohen(one, other).value
    if len({*one, *other}) == 1:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(cohen_kappa_score(one, other))
        low = agreement.cohen(one, other).low
        constant = len({*one}) == 1 or len({*other}) == 1
        assert np.isnan(low) if constant else -1 <= low <= found + 1e-9


@given(st.integers(2, 6), st.integers(2, 40), st.integers(0, 1000))
def test_fleiss_kappa_is_statsmodels_where_all_read_all(readers, cases, seed):
    table = np.random.default_rng(seed).multinomial(readers, [0.6, 0.3, 0.1], cases)
    if (table.sum(axis=0) > 0).sum() > 1:
        assert agreement.fleiss(table).value == pytest.approx(fleiss_kappa(table))


@given(counts)
def test_an_interval_holds_its_estimate_and_stays_between_minus_one_and_one(rows):
    for measure in (agreement.fleiss, agreement.ac1):
        found = measure(np.array(rows))
        if not np.isnan(found.value):
            assert -1 <= found.low <= found.value + 1e-9
            assert found.value - 1e-9 <= found.high <= 1


@given(counts, st.randoms(use_true_random=False))
def test_neither_the_order_of_cases_nor_of_answers_changes_the_agreement(rows, random):
    shuffled = random.sample(rows, len(rows))
    shuffled = np.array(shuffled)[:, random.sample(range(3), 3)]
    for measure in (agreement.fleiss, agreement.ac1):
        assert measure(shuffled)[:4] == pytest.approx(measure(np.array(rows))[:4], nan_ok=True)


@pytest.mark.parametrize("measure", [agreement.ac1, agreement.fleiss])
def test_the_interval_covers_the_agreement_that_readers_have(measure):
    random = np.random.default_rng(0)

    def read(cases):
        ill = random.random(cases) < 0.3
        present = random.random((4, cases)) < np.where(ill, 0.8, 0.1)
        return np.column_stack([present.sum(axis=0), (~present).sum(axis=0)])

    true = measure(read(400_000)).value
    found = [measure(read(90))[:3] for _ in range(600)]
    covered = np.mean([low <= true <= high for _, low, high in found])
    assert covered == pytest.approx(0.95, abs=0.03)


def test_ac1_is_one_and_kappa_unknown_where_all_give_the_same_answer():
    answers = pd.DataFrame({"a": ["absent"] * 5, "b": ["absent"] * 5})
    table = agreement.count(answers, VOCABULARY)
    assert agreement.ac1(table)[:3] == pytest.approx((1, 1, 1))
    assert np.isnan(agreement.fleiss(table).value)
    assert np.isnan(agreement.cohen(*answers.to_numpy().T).value)


def test_unread_cases_are_counted_for_nobody():
    answers = pd.DataFrame({"a": ["absent", np.nan, "unsure"], "b": ["present", "absent", np.nan]})
    assert agreement.count(answers, VOCABULARY).tolist() == [
        [1, 1, 0],
        [1, 0, 0],
        [0, 0, 1],
    ]


@pytest.mark.parametrize("table", [np.zeros((3, 2), int), np.array([[1, 0], [0, 2]])])
def test_too_few_cases_have_no_agreement(table):
    assert np.isnan(agreement.ac1(table).value)
    assert np.isnan(agreement.fleiss(table).value)
