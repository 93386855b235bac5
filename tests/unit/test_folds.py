"""Folds: the patients of a cohort in equal parts."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrnoise.core.errors import UserError
from cxrnoise.tasks.splits import of_folds

FINDINGS = ("Edema", "Hernia", "Mass")


def cohort(patients, images, classes=2, labels=("situs",), rarity=2, seed=0):
    """Return labels of `images` images of `patients` patients; higher classes are rarer."""
    draws = np.random.default_rng(seed)
    frame = pd.DataFrame({"image": [f"{number:04d}.png" for number in range(images)]})
    frame["patient"] = [str(number % patients) for number in range(images)]
    frame = frame.loc[frame.index.repeat(len(labels))].reset_index(drop=True)
    skewed = draws.random(len(frame)) ** rarity
    reported = (skewed * classes).astype(np.int8)
    return frame.assign(label=np.tile(labels, images), reported_label=reported)


def exclusive(patients=60, images=90, classes=2, seed=0):
    return cohort(patients, images, classes, seed=seed)


def findings(patients=60, images=90, classes=2, seed=0):
    return cohort(patients, images, 2, FINDINGS, seed=seed)


def stratum(labels):
    """Return the rarest class, or finding that is present, of each patient, counted by hand."""
    several = labels["label"].nunique() > 1
    has = {}
    for row in labels.itertuples():
        if row.reported_label >= (1 if several else 0):
            has.setdefault(row.patient, set()).add((row.label, row.reported_label))
    numbers = pd.Series([what for found in has.values() for what in found]).value_counts()
    return {
        patient: min(has.get(patient, {("", -1)}), key=lambda what: (numbers.get(what, 0), what))
        for patient in labels["patient"]
    }


MADE = st.builds(
    lambda make, patients, more, classes, seed: make(patients, patients + more, classes, seed),
    st.sampled_from([exclusive, findings]),
    st.integers(10, 60),
    st.integers(0, 40),
    st.integers(2, 4),
    st.integers(0, 9),
)


@given(MADE, st.integers(2, 10), st.integers(0, 3))
def test_a_patient_is_in_one_fold(labels, folds, seed):
    found = of_folds(labels, folds, seed)
    assert set(found) == set(range(folds))
    assert pd.Series(found).groupby(labels["patient"].to_numpy()).nunique().eq(1).all()


@given(MADE, st.integers(2, 10), st.integers(0, 3))
def test_the_patients_of_each_stratum_and_of_all_are_spread_evenly(labels, folds, seed):
    frame = labels.assign(fold=of_folds(labels, folds, seed)).drop_duplicates("patient")
    strata = frame["patient"].map(stratum(labels))
    for part in (np.ones(len(frame), bool), *(strata == one for one in strata.unique())):
        numbers = np.bincount(frame["fold"][part], minlength=folds)
        assert numbers.max() - numbers.min() <= 1


@given(MADE, st.integers(2, 10), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_no_fold(labels, folds, random):
    order = random.sample(range(len(labels)), len(labels))
    found = of_folds(labels, folds, 0)
    shuffled = of_folds(labels.iloc[order].reset_index(drop=True), folds, 0)
    assert (shuffled == found[order]).all()


def test_flipped_labels_change_no_fold():
    labels = findings()
    noisy = labels.assign(given_label=1 - labels["reported_label"])
    assert (of_folds(noisy, 5, 0) == of_folds(labels, 5, 0)).all()


def test_another_seed_makes_other_folds():
    assert (of_folds(exclusive(), 5, 0) != of_folds(exclusive(), 5, 1)).any()


def test_labels_that_are_not_known_are_no_stratum():
    labels = exclusive(40, 40)
    labels.loc[:3, "reported_label"] = -1
    numbers = np.bincount(of_folds(labels, 5, 0))
    assert numbers.tolist() == [8] * 5


def test_more_folds_than_patients_are_refused():
    with pytest.raises(UserError, match="12 folds need as many patients, and the cohort has 10"):
        of_folds(exclusive(10, 20), 12, 0)
