"""What every score promises of any run: range, direction, order of images, missing labels."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import runs
from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.scores.registry import SCORES

OURS = [name for name in SCORES if not name.startswith("cleanlab_")]
# score: smallest and largest value, of K classes
RANGES = {
    "confidence": lambda k: (1 / k - 1, 1 - 1 / k),
    "uncertainty": lambda k: (-1 / 4, 1 / 4),
    "product": lambda k: ((1 / k - 1) / 4, (1 - 1 / k) / 4),
    "dropout": lambda k: (-1 / 4, 1 / 4),
    "predictive_entropy": lambda k: (-1, 1),
    "mutual_information": lambda k: (-1, 1),
    "members_information": lambda k: (-1, 1),
    "training_margin": lambda k: (-np.inf, np.inf),
}
# Less probability of the given label, in favour of all others alike, is never less suspicious.
FALLING = [
    "confidence",
    "product",
    "self_confidence",
    "margin",
    "entropy",
    "mc_mean",
    "members_mean",
    "members_disagreement",
    "augmented",
]
FINEST = 2**-20  # of probabilities, so that single precision holds p and 1 - p exactly
STACKS = ("samples", "members", "augmented", "dropout")
rng = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def rounded(p):
    """Return probabilities as multiples of `FINEST`; the last class gets the rest."""
    p = np.floor(p / FINEST) * FINEST
    p[..., -1] = 1 - p[..., :-1].sum(axis=-1)
    return p


def drawn(random, n, k, exclusive, stack=()):
    sharpness = 10 ** random.uniform(-1, 1)
    if exclusive:
        return rounded(random.dirichlet(np.full(k, sharpness), (*stack, n)))
    return np.round(random.beta(sharpness, sharpness, (*stack, n, k)) / FINEST) * FINEST


def a_run(random, n=30, k=3, exclusive=True, masked=0.2):
    """Return a run that has every part, some images without a label, and patients of two images."""
    shape = (n,) if exclusive else (n, k)
    true, label = (random.integers(0, k if exclusive else 2, shape) for _ in range(2))
    label = np.where(random.random(shape) < masked, UNKNOWN, label)
    patient = [f"patient {number // 2}" for number in range(n)]
    classes = [f"class {number}" for number in range(k)]
    make = runs.exclusive if exclusive else runs.findings
    run = make(true, label, drawn(random, n, k, exclusive), classes=classes, patient=patient)
    epochs = random.integers(5, 9, len(run.labels))
    dynamics = pd.DataFrame(
        {
            "margin": random.normal(0, 5, len(run.labels)),
            "probability": random.random(len(run.labels)),
            "forgotten": random.integers(0, epochs + 1),
            "epochs": epochs,
        }
    )
    stacks = {part: drawn(random, n, k, exclusive, (4,)).astype("float32") for part in STACKS}
    features = random.normal(size=(n, 5)).astype("float32")
    return replace(run, **stacks, features=features, dynamics=dynamics)


def shuffled(run, order):
    """Return the run with its images, and its labels, in another order."""
    stacks = {part: getattr(run, part)[:, order] for part in STACKS}
    labels_each = run.given.size // len(run.images)
    of_label = (order[:, None] * labels_each + np.arange(labels_each)).ravel()
    return replace(
        run,
        labels=run.labels.iloc[of_label].reset_index(drop=True),
        images=run.images[order],
        probabilities=run.probabilities[order],
        features=run.features[order],
        dynamics=run.dynamics.iloc[of_label].reset_index(drop=True),
        **stacks,
    )


def less_of_given(run, probabilities, share):
    """Return probabilities with a share of that of each given label moved to all others alike."""
    p = probabilities.astype(np.float64)
    if run.exclusive:
        is_given = np.arange(p.shape[-1]) == run.given[:, None]
        lost = np.where(is_given, p * share, 0).sum(axis=-1, keepdims=True)
        others = np.where(is_given, 0, p)
        total = others.sum(axis=-1, keepdims=True)
        even = np.where(is_given, 0, 1 / (p.shape[-1] - 1))
        towards = np.divide(others, total, where=total > 0, out=np.broadcast_to(even, p.shape) * 1)
        return np.where(is_given, p * (1 - share), p + lost * towards)
    return np.where(run.given == 1, p * (1 - share), p + (1 - p) * share)


@pytest.mark.parametrize("name", OURS)
@settings(max_examples=20, deadline=None)
@given(random=rng, k=st.integers(2, 5), exclusive=st.booleans())
def test_a_score_has_a_value_in_its_range_exactly_where_a_label_is_given(
    name, random, k, exclusive
):
    run = a_run(random, k=k, exclusive=exclusive)
    found = SCORES[name].score(run)
    assert found.dtype == np.float64 and found.shape == run.given.shape
    np.testing.assert_array_equal(np.isnan(found), run.given == UNKNOWN)
    low, high = RANGES.get(name, lambda k: (0, 1))(k if exclusive else 2)
    assert np.nanmin(found) >= low and np.nanmax(found) <= high


@pytest.mark.parametrize("name", OURS)
@settings(max_examples=10, deadline=None)
@given(random=rng, exclusive=st.booleans())
def test_the_order_of_the_images_plays_no_part(name, random, exclusive):
    run = a_run(random, exclusive=exclusive)
    order = random.permutation(len(run.images))
    np.testing.assert_allclose(
        SCORES[name].score(shuffled(run, order)), SCORES[name].score(run)[order], atol=1e-12
    )


@pytest.mark.parametrize("name", FALLING)
@settings(max_examples=20, deadline=None)
@given(random=rng, exclusive=st.booleans(), share=st.floats(0, 1))
def test_a_less_probable_label_is_never_less_suspicious(name, random, exclusive, share):
    run = a_run(random, exclusive=exclusive)
    parts = ("probabilities", "members", "augmented", "samples")
    if name == "product":  # of which the uncertainty stays
        parts = ("probabilities",)
    less = {part: less_of_given(run, getattr(run, part), share) for part in parts}
    before, after = (SCORES[name].score(it) for it in (run, replace(run, **less)))
    known = run.given != UNKNOWN
    assert (after[known] >= before[known] - 1e-12).all()


@pytest.mark.parametrize("name", ["training_margin", "training_probability"])
def test_a_label_that_was_learnt_less_is_more_suspicious(name):
    run = a_run(np.random.default_rng(0), masked=0)
    less = run.dynamics.assign(
        margin=run.dynamics["margin"] - 1, probability=run.dynamics["probability"] / 2
    )
    score = SCORES[name].score
    assert (score(replace(run, dynamics=less)) > score(run)).all()


@pytest.mark.parametrize("name", OURS)
@settings(max_examples=10, deadline=None)
@given(random=rng)
def test_a_finding_is_judged_as_two_classes_are(name, random):
    finding = a_run(random, k=1, exclusive=False)

    def both(p):
        return np.concatenate([1 - p, p], axis=-1)

    stacks = {part: both(getattr(finding, part)) for part in STACKS}
    label = finding.given[:, 0]
    classes = runs.exclusive(label, label, both(finding.probabilities))
    classes = replace(
        classes,
        labels=classes.labels.assign(patient=finding.patients),
        features=finding.features,
        dynamics=finding.dynamics,
        **stacks,
    )
    score = SCORES[name].score
    np.testing.assert_allclose(score(classes), score(finding)[:, 0], atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(random=rng)
def test_with_two_classes_the_methods_of_cleanlab_and_c_are_one_ranking(random):
    run = a_run(random, n=100, k=2, masked=0)
    order = np.argsort(SCORES["self_confidence"].score(run))
    for name in ("margin", "entropy", "confidence"):
        assert (np.diff(SCORES[name].score(run)[order]) >= -1e-12).all()


@settings(max_examples=30, deadline=None)
@given(random=rng)
def test_with_two_classes_predictive_entropy_ranks_as_the_monte_carlo_mean_does(random):
    run = a_run(random, n=100, k=2, masked=0)
    order = np.argsort(SCORES["mc_mean"].score(run))
    assert (np.diff(SCORES["predictive_entropy"].score(run)[order]) >= -1e-12).all()
