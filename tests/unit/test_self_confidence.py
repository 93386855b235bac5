"""The score self-confidence, against values worked out by hand and against the confidence."""

import numpy as np
import pytest

import runs
from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.scores import confidence, self_confidence, tables


def test_it_is_one_minus_the_probability_of_the_given_label():
    probabilities = [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]
    run = runs.exclusive([0, 0, 1], [1, 0, 1], probabilities)
    np.testing.assert_allclose(self_confidence.score(run), [0.9, 0.8, 0.4], rtol=1e-6)


def test_several_findings_have_one_each_and_an_unknown_label_has_none():
    run = runs.findings([[1, 0]] * 2, [[1, 1], [0, UNKNOWN]], [[0.9, 0.3], [0.6, 0.5]])
    found = self_confidence.score(run)
    np.testing.assert_allclose(found, [[0.1, 0.7], [0.6, np.nan]], rtol=1e-6)
    assert len(tables.scored(run, "self_confidence")) == 3


@pytest.mark.parametrize("seed", [0, 1])
def test_with_two_classes_it_ranks_labels_as_the_confidence_does(seed):
    random = np.random.default_rng(seed)
    present = random.random(200)
    given = random.integers(0, 2, 200)
    run = runs.exclusive(given, given, np.stack([1 - present, present], axis=1))
    by_one, by_other = (np.argsort(it.score(run)) for it in (self_confidence, confidence))
    np.testing.assert_array_equal(by_one, by_other)
