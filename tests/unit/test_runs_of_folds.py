"""The splits of the runs of folds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import runs
from cxrnoise.tasks import folds

IMAGES = runs.names(200)
LABELS = runs.labels(
    IMAGES, "situs", [0, 1] * 100, [0, 1] * 100, patient=[str(n // 2) for n in range(200)]
)


@given(st.integers(2, 8), st.integers(0, 5))
def test_each_image_is_tested_in_one_fold(number, seed):
    tested = [
        set(found.loc[found["split"] == "test", "image"])
        for found in (folds.of_fold(LABELS, fold, number, seed) for fold in range(number))
    ]
    assert sum(map(len, tested)) == len(IMAGES)
    assert set().union(*tested) == set(IMAGES)


@pytest.mark.parametrize("fold", range(5))
def test_a_patient_is_in_one_split_and_a_tenth_of_the_others_validates(fold):
    found = folds.of_fold(LABELS, fold, 5, seed=0)
    splits = found.groupby("patient")["split"]
    assert (splits.nunique() == 1).all()
    assert splits.first().value_counts().to_dict() == {"train": 72, "val": 8, "test": 20}


def test_the_labels_are_those_of_the_cohort():
    found = folds.of_fold(LABELS, 0, 5, seed=0)
    assert found.drop(columns="split").equals(LABELS.drop(columns="split"))
    assert (folds.whole(LABELS)["split"] == "test").all()
