import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import whole
from cxrnoise.core import manifests
from cxrnoise.core.errors import UserError
from cxrnoise.tasks import cohorts

ROOT = Path(__file__).parents[2]

SIZES = {"train": 0.5, "val": 0.2, "test": 0.3}


def index(images_per_patient):
    rows = [
        {"image": f"{patient:08d}_{number:03d}.png", "patient": str(patient), "view": "PA"}
        for patient, count in enumerate(images_per_patient)
        for number in range(count)
    ]
    return pd.DataFrame(rows)


def situs(index, *arguments):
    return pd.concat(cohorts.situs([index], *arguments), ignore_index=True)


def finding(index, *arguments, **options):
    return pd.concat(cohorts.finding([index], *arguments, **options), ignore_index=True)


COUNTS = st.lists(st.integers(1, 4), min_size=10, max_size=60)


@given(COUNTS, st.integers(0, 3))
def test_every_patient_gives_one_image_and_is_in_one_split(counts, seed):
    cohort = situs(index(counts), SIZES, seed)
    assert cohort["patient"].is_unique
    assert len(cohort) == sum(int(share * len(counts)) for share in SIZES.values())


@given(COUNTS, st.integers(0, 3))
def test_exactly_half_of_each_split_is_mirrored(counts, seed):
    cohort = situs(index(counts), SIZES, seed)
    for _, split in cohort.groupby("split"):
        assert split["mirrored"].sum() == len(split) // 2
    assert (cohort["true_label"] == cohort["mirrored"]).all()


@given(COUNTS, st.randoms())
def test_the_order_of_the_index_changes_nothing(counts, random):
    frame = index(counts)
    shuffled = frame.sample(frac=1, random_state=random.randint(0, 999))
    pd.testing.assert_frame_equal(situs(frame, SIZES, 0), situs(shuffled, SIZES, 0))


def test_another_image_of_a_patient_changes_no_other_patient():
    before = situs(index([1] * 50), SIZES, 0).set_index("patient")
    after = situs(index([1] * 49 + [4]), SIZES, 0).set_index("patient")
    others = [str(patient) for patient in range(49)]
    pd.testing.assert_frame_equal(before.loc[others], after.loc[others])


def test_the_image_of_a_patient_is_drawn_and_not_the_first():
    chosen = (
        cohorts.one_per_patient([index([4] * 200)], 0).whole()["image"].str[9:12].value_counts()
    )
    assert len(chosen) == 4
    assert chosen.min() > 25


def test_a_cohort_without_pa_images_is_refused():
    with pytest.raises(UserError, match="cohort is empty"):
        situs(index([1, 1]).assign(view="AP"), SIZES, 0)


def test_splits_larger_than_the_cohort_are_refused():
    with pytest.raises(UserError, match="situs.splits asks for 30 patients.*has 12"):
        situs(index([1] * 12), {"train": 10, "val": 10, "test": 10}, 0)


def test_a_split_that_would_be_empty_is_named():
    with pytest.raises(UserError, match=r"situs.splits leaves no patient for val \(.*of 12\)"):
        situs(index([1] * 12), {"train": 0.7, "val": 0.05, "test": 0.2}, 0)


@pytest.fixture(scope="module")
def chestxray14(nih):
    with gzip.open(nih / "Data_Entry_2017_v2020.csv.gz", "rt") as file:
        metadata = pd.read_csv(file, usecols=["Image Index", "Patient ID", "View Position"])
    return metadata.rename(
        columns={"Image Index": "image", "Patient ID": "patient", "View Position": "view"}
    )


def test_the_real_cohort_has_the_papers_numbers(chestxray14):
    sizes = {"train": 25000, "val": 1000, "test": 2868}
    cohort = situs(chestxray14, sizes, 0)
    assert len(cohort) == 28868
    assert cohort.groupby("split").size().to_dict() == sizes
    assert cohort.groupby("split")["mirrored"].sum().to_dict() == {
        "train": 12500,
        "val": 500,
        "test": 1434,
    }


SHARES = {"train": 0.6, "val": 0.15, "test": 0.25}


@st.composite
def reports(draw):
    """An index of PA images of a finding, with several images for some patients."""
    numbers = draw(st.lists(st.integers(1, 4), min_size=30, max_size=60))
    numbers += [1] * 12  # many patients of any archive have one image
    patients = [str(patient) for patient, number in enumerate(numbers) for _ in range(number)]
    positive = draw(st.lists(st.booleans(), min_size=len(patients), max_size=len(patients)))
    positive[:2] = True, False
    return pd.DataFrame(
        {
            "image": [f"{number:08d}_000.png" for number in range(len(patients))],
            "patient": patients,
            "view": "PA",
            "findings": ["Mass|Emphysema" if here else "No Finding" for here in positive],
        }
    )


def of_finding(index, seed=0, cohort="all", name="emphysema", **options):
    return finding(index, name, cohort, SHARES, SHARES, seed, **options)


@given(reports(), st.integers(0, 3))
def test_the_splits_of_a_finding_have_whole_patients_and_their_shares(index, seed):
    cohort = of_finding(index, seed)
    sizes = cohort["split"].value_counts()
    for split, share in SHARES.items():
        assert abs(sizes[split] - share * len(index)) <= 4  # images of the largest patient
    assert cohort.groupby("patient")["split"].nunique().max() == 1
    assert not cohort["mirrored"].any()
    assert (cohort["true_label"] == manifests.UNKNOWN).all()


@given(st.integers(20, 40), st.integers(0, 3))
def test_numbers_of_images_are_met_exactly(patients, seed):
    index = small_index([2] * patients + [1] * patients)
    sizes = {"train": patients, "val": patients // 2, "test": patients - 3}
    cohort = finding(index, "emphysema", "all", sizes, SHARES, seed)
    assert cohort["split"].value_counts().to_dict() == sizes


@given(reports())
def test_the_order_of_the_index_does_not_change_the_cohort_of_a_finding(index):
    pd.testing.assert_frame_equal(of_finding(index), of_finding(index.iloc[::-1]))


@given(reports())
def test_no_split_has_more_positive_images_than_its_share(index):
    counts = cohorts.counts([of_finding(index)])
    positive = index["findings"].str.contains("Emphysema").sum()
    for split in ("val", "test"):
        assert counts.at[split, "positive"] <= SHARES[split] * positive + 4


@given(reports())
def test_rare_labels_are_repeated_until_both_are_equal(index):
    cohort = of_finding(index).rename(columns={"reported_label": "given_label"})
    if cohort["given_label"].nunique() < 2:
        return
    balanced = cohorts.balanced(cohort, seed=0)
    counts = balanced["given_label"].value_counts()
    assert counts[0] == counts[1]
    assert set(balanced["image"]) == set(cohort["image"])
    rare = balanced["image"][
        balanced["given_label"] == cohort["given_label"].value_counts().idxmin()
    ]
    assert np.ptp(rare.value_counts()) <= 1


def test_the_finding_is_found_whatever_its_spelling():
    findings = pd.Series(["Pleural_Thickening|Mass", "No Finding", "Mass"])
    assert cohorts.has_finding(findings, "pleural thickening").tolist() == [True, False, False]
    assert not cohorts.has_finding(findings, "Pleural").any()


def small_index(images_per_patient, view="PA"):
    patients = [str(p) for p, n in enumerate(images_per_patient) for _ in range(n)]
    return pd.DataFrame(
        {
            "image": [f"{number:08d}_000.png" for number in range(len(patients))],
            "patient": patients,
            "view": view,
            "findings": ["Emphysema"] + ["No Finding"] * (len(patients) - 1),
        }
    )


def test_a_finding_that_nobody_reported_is_refused():
    with pytest.raises(UserError, match="0 of 20 PA images have the finding hernia"):
        of_finding(small_index([2] * 10), name="hernia")


def test_splits_that_whole_patients_cannot_fill_are_refused():
    sizes = {"train": 40, "val": 10, "test": 20}
    with pytest.raises(UserError, match="cannot be filled by whole patients"):
        finding(small_index([7] * 10), "emphysema", "all", sizes, SHARES, 0)


def test_images_that_are_held_out_are_the_test_split_and_their_patients_in_no_other():
    index = small_index([3] * 10 + [1] * 20)
    held_out = frozenset(index["image"][[3, 30]])
    cohort = of_finding(index, held_out=held_out)
    test = cohort[cohort["split"] == "test"]
    assert set(test["image"]) == held_out
    others = cohort[cohort["split"] != "test"]
    assert len(index) - 5 <= len(others) <= len(index) - 4
    assert not set(others["patient"]) & set(index.loc[[3, 30], "patient"])


def test_a_file_without_a_column_of_images_is_refused(tmp_path):
    (tmp_path / "reads.csv").write_text("case,answer\na,YES\n")
    with pytest.raises(UserError, match="reads.csv has no column image or Image ID"):
        cohorts.images_named(tmp_path / "reads.csv")


@pytest.mark.parametrize("content", [b"", b"image\n\xff\xfe", b'image\n"a', b"image\na,b\nc,d,e\n"])
def test_held_out_images_in_a_file_that_is_no_csv_are_one_sentence(tmp_path, content):
    (tmp_path / "reads.csv").write_bytes(content)
    with pytest.raises(UserError, match="cannot be read .* set findings.held_out to a CSV file"):
        cohorts.images_named(tmp_path / "reads.csv")


def test_the_published_cohort_of_emphysema_has_the_papers_numbers(nih):
    index = whole.metadata(nih / "Data_Entry_2017_v2020.csv.gz")
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())["findings"]
    cohort = finding(index, "Emphysema", "published", config["splits"], config["positives"], seed=0)
    counts = cohorts.counts([cohort])
    assert counts["images"].tolist() == [38353, 4625, 21176]
    assert counts["positive"].tolist() == [854, 88, 436]
    assert cohort.groupby("patient")["split"].nunique().max() == 1


def test_all_images_can_be_the_cohort_of_emphysema(nih):
    index = whole.metadata(nih / "Data_Entry_2017_v2020.csv.gz")
    cohort = finding(index, "Emphysema", "all", SHARES, SHARES, seed=0)
    assert (index["view"] == "PA").sum() == 67310
    assert len(cohort) >= 67308
    assert cohort["reported_label"].sum() >= 1497
