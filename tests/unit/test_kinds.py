"""Tasks of several findings, of classes, and of the orientation."""

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import synthetic
from cxrnoise.core.errors import UserError
from cxrnoise.tasks import splits
from cxrnoise.tasks.cohorts import counts
from cxrnoise.tasks.kinds import classes, findings, orientation

SHARES = {"train": 0.6, "val": 0.15, "test": 0.25}
OPTIONS = {"name": "mine", "views": ["PA"], "splits": SHARES}


def of_findings(index, names="all", seed=0, **options):
    return findings.cohort(index, {**OPTIONS, "findings": names, **options}, seed)


def of_classes(index, column="device", seed=0, **options):
    return classes.cohort(index, {**OPTIONS, "column": column, **options}, seed)


@pytest.fixture(scope="module")
def people():
    index = synthetic.index(600)
    vendors = np.array(["GE", "Siemens", "Philips", "Agfa"])
    number = index["patient"].astype(int)
    rank = np.select([number % 50 == 0, number % 7 == 0, number % 3 == 0], [3, 2, 1], 0)
    sex = np.where(number % 2, "0", "1")
    return index.assign(device=vendors[rank], sex=sex, age=number.astype(str))


def test_each_image_has_a_row_a_finding_in_the_order_of_the_configuration(people):
    made = of_findings(people, ["emphysema", "Effusion"])
    assert made.classes == ["absent", "present"]
    assert not made.exclusive
    assert made.frame["label"].tolist()[:4] == ["Emphysema", "Effusion"] * 2
    assert made.frame["image"].is_monotonic_increasing
    assert (made.frame.groupby("image")["label"].nunique() == 2).all()
    reported = made.frame.pivot(index="image", columns="label", values="reported_label")
    expected = people.set_index("image").loc[reported.index, ["Effusion", "Emphysema"]].astype(int)
    assert (reported.to_numpy() == expected.to_numpy()).all()


def test_all_findings_are_the_columns_with_their_values(people, caplog):
    caplog.set_level(logging.INFO)
    made = of_findings(people)
    assert made.frame["label"].unique().tolist() == list(synthetic.FINDINGS)
    assert "(not: device, sex, age)" in caplog.text


def test_all_findings_are_those_that_the_index_names(people):
    index = people.copy()
    index.attrs["classes"] = ["Emphysema", "Effusion"]
    assert of_findings(index).frame["label"].unique().tolist() == ["Emphysema", "Effusion"]


def test_all_without_any_finding_is_refused(people):
    with pytest.raises(UserError, match="findings is all, but no column.*are device"):
        of_findings(people[["image", "patient", "view", "device"]])


@pytest.mark.parametrize("make", [of_findings, of_classes])
@given(seed=st.integers(0, 5))
def test_splits_have_whole_patients_and_their_shares(people, make, seed):
    frame = make(people, seed=seed).frame.drop_duplicates("image")
    assert frame.groupby("patient")["split"].nunique().max() == 1
    sizes = frame["split"].value_counts(normalize=True)
    for split, share in SHARES.items():
        assert abs(sizes[split] - share) < 0.01


def test_the_positives_of_each_finding_are_spread(people):
    table = counts(of_findings(people)).query("`class` == 'present'")
    table = table.pivot(index="label", columns="split", values="images")
    parts = table.div(table.sum(axis=1), axis=0)
    assert (abs(parts - pd.Series(SHARES)) < 0.08).all(axis=None)


def test_counts_of_images_are_met_exactly(people):
    sizes = {"train": 700, "val": 150, "test": 250}
    frame = of_classes(people, splits=sizes).frame
    assert frame["split"].value_counts().to_dict() == sizes


def test_a_cohort_of_fewer_images_has_the_same_rates(people):
    whole, part = (
        of_findings(people),
        of_findings(people, splits={"train": 200, "val": 50, "test": 80}),
    )
    rates = [made.frame.groupby("label")["reported_label"].mean() for made in (whole, part)]
    assert len(part.frame) == 3 * 330
    assert (abs(rates[0] - rates[1]) < 0.04).all()


@given(st.lists(st.integers(1, 4), min_size=10, max_size=60), st.integers(0, 3))
def test_shares_that_add_up_to_1_leave_no_patient_of_a_stratum_out(images, seed):
    frame = pd.DataFrame({"patient": map(str, range(len(images))), "images": images})
    frame["stratum"] = frame.index % 3
    found = splits.by_strata(frame, SHARES, "mine", seed)
    assert set(found) <= {"train", "val", "test"}


@given(st.integers(0, 5))
def test_three_patients_of_a_stratum_are_in_all_three_splits(seed):
    frame = pd.DataFrame({"patient": map(str, range(60)), "images": 2})
    frame["stratum"] = [1] * 3 + [0] * 57
    found = splits.by_strata(frame, SHARES, "mine", seed)
    assert set(found[:3]) == {"train", "val", "test"}


@pytest.mark.parametrize("make", [of_findings, of_classes])
def test_the_order_of_the_index_changes_nothing(people, make):
    shuffled = people.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(make(people).frame, make(shuffled).frame)


def test_another_seed_has_other_splits(people):
    assert not of_findings(people).frame.equals(of_findings(people, seed=1).frame)


def test_a_finding_that_is_not_known_of_an_image_is_masked(people, caplog):
    caplog.set_level(logging.INFO)
    index = people.assign(Edema=people["Effusion"])
    index.loc[::2, "Edema"] = "-1"
    index.loc[::4, ["Effusion", "Emphysema", "Pleural_Thickening"]] = ""
    made = of_findings(index, empty="masked").frame
    gone = (index.index % 4 == 0) & (index["view"] == "PA")
    assert not set(made["image"]) & set(index["image"][gone])
    assert f"without a known value of tasks.mine.findings: {gone.sum()} images" in caplog.text
    masked = made[made["reported_label"] == -1]
    assert set(masked["label"]) == {"Edema"}
    half = (index.index % 4 == 2) & (index["view"] == "PA")
    assert set(masked["image"]) <= set(index["image"][half])


def test_findings_that_cannot_be_judged_are_all_named(people):
    index = people.assign(Hernia="0", Nodule="0", Mass="1")
    index.loc[index["patient"] == index["patient"][0], "Hernia"] = "1"
    with pytest.raises(UserError) as refused:
        of_findings(index, ["Effusion", "Hernia", "Nodule", "Mass"])
    sentence = str(refused.value)
    assert "Hernia is present in no image of" in sentence
    assert "(1 patients in all)" in sentence
    assert "Nodule is present in no image of train and val and test (0 patients" in sentence
    assert "Mass is absent in no image of train and val and test" in sentence
    assert "Effusion" not in sentence


def test_a_cell_that_is_no_label_is_named(people):
    index = people.copy()
    index.loc[3, "Effusion"] = "maybe"
    with pytest.raises(UserError, match=f"Effusion.*has 'maybe' for the image {index['image'][3]}"):
        of_findings(index, ["Effusion"])


def test_classes_are_the_sorted_values_of_the_column(people):
    made = of_classes(people)
    assert made.classes == ["Agfa", "GE", "Philips", "Siemens"]
    assert made.exclusive
    names = np.array(made.classes)[made.frame["reported_label"]]
    expected = people.set_index("image").loc[made.frame["image"], "device"]
    assert (names == expected.to_numpy()).all()
    assert (made.frame["label"] == "device").all()
    assert (made.frame["true_label"] == -1).all()
    table = counts(made)
    assert len(table) == 12
    assert table["split"].unique().tolist() == ["train", "val", "test"]


def test_images_without_a_class_are_left_out_and_counted(people, caplog):
    caplog.set_level(logging.INFO)
    index = people.copy()
    index.loc[index["view"].eq("PA") & (index.index % 3 == 0), "device"] = ""
    made = of_classes(index)
    empty = index["device"] == ""
    assert not set(made.frame["image"]) & set(index["image"][empty])
    assert f"without a known value of device: {empty.sum()} images" in caplog.text


def test_a_class_with_too_few_patients_for_every_split_is_named(people):
    index = people.copy()
    index.loc[index["patient"] == index["patient"][0], "device"] = "Kodak"
    with pytest.raises(UserError, match=r"device is Kodak in no image of .*\(1 patients in all\)"):
        of_classes(index)


@pytest.mark.parametrize("value", ["one", "age"])
def test_a_column_of_one_class_or_of_hundreds_is_refused(people, value):
    index = people.assign(device="one" if value == "one" else people["image"])
    with pytest.raises(UserError, match="device, which has .* different values.*2 to 127 cla"):
        of_classes(index)


def test_a_column_that_is_not_there_is_refused(people):
    with pytest.raises(UserError, match="tasks.mine.column is devices.*you may mean device"):
        of_classes(people, "devices")


def test_every_file_is_given_the_upright_orientation(people):
    made = orientation.cohort(people, OPTIONS, 0)
    assert len(made.classes) == 16
    assert (made.frame["reported_label"] == 0).all()
    assert (made.frame["true_label"] == -1).all()
    assert set(made.frame["split"]) == {"train", "val", "test"}
    assert made.frame.groupby("patient")["split"].nunique().max() == 1


@pytest.mark.parametrize("make", [of_findings, of_classes, orientation.cohort])
def test_one_constant_patient_is_refused(people, make):
    index = people.assign(patient="unknown")
    with pytest.raises(UserError, match="leaves no image for .*of 1 patients"):
        orientation.cohort(index, OPTIONS, 0) if make is orientation.cohort else make(index)
