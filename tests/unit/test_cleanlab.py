"""Our scores against cleanlab's; skipped where cleanlab is not installed."""

import sys

import numpy as np
import pytest

import runs
from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.scores.registry import SCORES

PAIRS = {
    "self_confidence": "cleanlab_self_confidence",
    "margin": "cleanlab_normalized_margin",
    "entropy": "cleanlab_confidence_weighted_entropy",
}
RUNS = ["two classes", "ten classes", "findings"]


@pytest.fixture
def cleanlab():
    return pytest.importorskip("cleanlab", reason="cleanlab is not installed (envs/cleanlab.yaml)")


def noisy(kind, n=400):
    """Return a run whose network knows the truth better than the given labels."""
    random = np.random.default_rng(0)
    k, exclusive = {"two classes": (2, True), "ten classes": (10, True), "findings": (3, False)}[
        kind
    ]
    shape = (n,) if exclusive else (n, k)
    true = random.integers(0, k if exclusive else 2, shape)
    other = random.integers(0, k if exclusive else 2, shape)
    given = np.where(random.random(shape) < 0.2, other, true)
    given[random.random(shape) < 0.1] = UNKNOWN
    if exclusive:
        p = random.dirichlet(np.full(k, 0.3), n) + 2 * random.random((n, 1)) * np.eye(k)[true]
        p /= p.sum(axis=1, keepdims=True)
        return runs.exclusive(true, given, p, classes=[f"class {number}" for number in range(k)])
    p = np.where(true == 1, random.beta(3, 1, shape), random.beta(1, 3, shape))
    return runs.findings(true, given, p, classes=list("abc"))


@pytest.mark.parametrize("kind", RUNS)
@pytest.mark.parametrize(("ours", "theirs"), PAIRS.items())
def test_our_score_is_one_minus_cleanlabs_label_quality(cleanlab, kind, ours, theirs):
    run = noisy(kind)
    np.testing.assert_allclose(SCORES[ours].score(run), SCORES[theirs].score(run), atol=1e-5)


@pytest.mark.parametrize("kind", ["two classes", "findings"])
def test_of_two_classes_cleanlabs_methods_and_c_among_disagreements_are_one_ranking(cleanlab, kind):
    run = noisy(kind)
    disagrees = (run.predicted != run.given) & (run.given != UNKNOWN)
    order = np.argsort(SCORES["cleanlab_self_confidence"].score(run)[disagrees])
    for name in (*PAIRS.values(), "confidence"):
        assert (np.diff(SCORES[name].score(run)[disagrees][order]) >= -1e-6).all()


@pytest.mark.parametrize("kind", RUNS)
def test_flagged_labels_come_first_and_by_self_confidence(cleanlab, kind):
    from cleanlab.filter import find_label_issues

    run = noisy(kind)
    found = SCORES["cleanlab_issues"].score(run)
    given, found_of = run.given.reshape(len(found), -1), found.reshape(len(found), -1)
    for column in range(given.shape[1]):
        known = given[:, column] != UNKNOWN
        p = run.probabilities.astype(np.float64)
        if not run.exclusive:
            p = np.stack([1 - p[:, column], p[:, column]], axis=1)
        flagged = find_label_issues(given[known, column].astype(int), p[known], n_jobs=1)
        assert 0 < flagged.sum() < known.sum()
        assert (found_of[known, column] >= 1).tolist() == flagged.tolist()
        assert np.isnan(found_of[~known, column]).all()
    doubt = SCORES["self_confidence"].score(run)
    known = run.given != UNKNOWN
    for part in (known & (found >= 1), known & (found < 1)):
        assert (np.diff(found[part][np.argsort(doubt[part])]) >= 0).all()


def test_labels_that_are_all_alike_have_a_score(cleanlab):
    run = runs.findings([[0, 1]] * 4, [[0, UNKNOWN]] * 4, [[0.1, 0.9]] * 4)
    for name in (*PAIRS.values(), "cleanlab_issues"):
        assert np.isfinite(SCORES[name].score(run)[:, 0]).all()


def test_without_cleanlab_its_scores_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    for name in (*PAIRS.values(), "cleanlab_issues"):
        with pytest.raises(UserError, match="not installed: run Snakemake with `--sdm conda`, or"):
            SCORES[name].score(runs.exclusive([0], [1], [[0.9, 0.1]]))
