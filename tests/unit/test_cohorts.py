import gzip

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrnoise import cohorts
from cxrnoise.errors import UserError

SIZES = {"train": 0.5, "val": 0.2, "test": 0.3}


def index(images_per_patient):
    rows = [
        {"image": f"{patient:08d}_{number:03d}.png", "patient": str(patient), "view": "PA"}
        for patient, count in enumerate(images_per_patient)
        for number in range(count)
    ]
    return pd.DataFrame(rows)


COUNTS = st.lists(st.integers(1, 4), min_size=10, max_size=60)


@given(COUNTS, st.integers(0, 3))
def test_every_patient_gives_one_image_and_is_in_one_split(counts, seed):
    cohort = cohorts.situs(index(counts), SIZES, seed)
    assert cohort["patient"].is_unique
    assert len(cohort) == sum(int(share * len(counts)) for share in SIZES.values())


@given(COUNTS, st.integers(0, 3))
def test_exactly_half_of_each_split_is_mirrored(counts, seed):
    cohort = cohorts.situs(index(counts), SIZES, seed)
    for _, split in cohort.groupby("split"):
        assert split["mirrored"].sum() == len(split) // 2
    assert (cohort["true_label"] == cohort["mirrored"]).all()


@given(COUNTS, st.randoms())
def test_the_order_of_the_index_changes_nothing(counts, random):
    frame = index(counts)
    shuffled = frame.sample(frac=1, random_state=random.randint(0, 999))
    pd.testing.assert_frame_equal(cohorts.situs(frame, SIZES, 0), cohorts.situs(shuffled, SIZES, 0))


def test_another_image_of_a_patient_changes_no_other_patient():
    before = cohorts.situs(index([1] * 50), SIZES, 0).set_index("patient")
    after = cohorts.situs(index([1] * 49 + [4]), SIZES, 0).set_index("patient")
    others = [str(patient) for patient in range(49)]
    pd.testing.assert_frame_equal(before.loc[others], after.loc[others])


def test_the_image_of_a_patient_is_drawn_and_not_the_first():
    chosen = cohorts.one_per_patient(index([4] * 200), 0)["image"].str[9:12].value_counts()
    assert len(chosen) == 4
    assert chosen.min() > 25


def test_a_cohort_without_pa_images_is_refused():
    with pytest.raises(UserError, match="cohort is empty"):
        cohorts.situs(index([1, 1]).assign(view="AP"), SIZES, 0)


def test_splits_larger_than_the_cohort_are_refused():
    with pytest.raises(UserError, match="situs.splits asks for 30 patients.*has 12"):
        cohorts.situs(index([1] * 12), {"train": 10, "val": 10, "test": 10}, 0)


def test_a_split_that_would_be_empty_is_named():
    with pytest.raises(UserError, match=r"situs.splits leaves no patient for val \(.*of 12\)"):
        cohorts.situs(index([1] * 12), {"train": 0.7, "val": 0.05, "test": 0.2}, 0)


@pytest.fixture(scope="module")
def chestxray14(nih):
    with gzip.open(nih / "Data_Entry_2017_v2020.csv.gz", "rt") as file:
        metadata = pd.read_csv(file, usecols=["Image Index", "Patient ID", "View Position"])
    return metadata.rename(
        columns={"Image Index": "image", "Patient ID": "patient", "View Position": "view"}
    )


def test_the_real_cohort_has_the_papers_numbers(chestxray14):
    sizes = {"train": 25000, "val": 1000, "test": 2868}
    cohort = cohorts.situs(chestxray14, sizes, 0)
    assert len(cohort) == 28868
    assert cohort.groupby("split").size().to_dict() == sizes
    assert cohort.groupby("split")["mirrored"].sum().to_dict() == {
        "train": 12500,
        "val": 500,
        "test": 1434,
    }
