"""Who takes part in the paper's two tasks, in which split."""

import hashlib
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import synthetic
import whole
from cxrnoise.core import manifests
from cxrnoise.core.errors import UserError
from cxrnoise.tasks import splits
from cxrnoise.tasks.balance import balanced
from cxrnoise.tasks.cohorts import counts
from cxrnoise.tasks.kinds import finding, situs
from cxrnoise.tasks.registry import KINDS

ROOT = Path(__file__).parents[2]
SIZES = {"train": 0.5, "val": 0.2, "test": 0.3}
SHARES = {"train": 0.6, "val": 0.15, "test": 0.25}


def of_situs(index, sizes=SIZES, seed=0, views=("PA",)):
    return situs.cohort(index, {"name": "situs", "views": views, "splits": sizes}, seed).frame


def of_finding(index, seed=0, sizes=SHARES, positives=SHARES, name="emphysema", **options):
    options = {
        "name": "emphysema",
        "views": ["PA"],
        "finding": name,
        "cohort": "all",
        "splits": sizes,
        "positives": positives,
        **options,
    }
    return finding.cohort(index, options, seed)


def digest(frame):
    """Return 16 digits of what a cohort was before labels had names."""
    shown = ["image", "patient", "split", "mirrored", "true_label", "reported_label"]
    numbers = frame[shown].astype({"mirrored": int})
    text = "\n".join("\t".join(map(str, row)) for row in numbers.itertuples(index=False))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# Computed with the code of commit a4114d2, which kept cohorts in SQLite. By shares of the patients,
# train has one more since then.
OF_SITUS = {
    ("counts", 0): "5172bd3666967798",
    ("counts", 1): "05bd1542a68ff197",
    ("shares", 0): "429f9e5e158e295c",
    ("shares", 1): "4dc821dcebb6415b",
}
OF_FINDING = {
    ("counts", 0): "71de0f72a558779f",
    ("counts", 1): "1b8772a3b9608b30",
    ("shares", 0): "70dd0ebb929e311e",
    ("shares", 1): "09dbf4a726abff13",
    ("published", 0): "831ad5808d255f02",
    ("published", 1): "5cc69d56fab9cecc",
    ("held out", 0): "b711e96853265de1",
    ("held out", 1): "fba1d9a7ba719cfe",
}


@pytest.fixture(scope="module")
def people():
    return synthetic.index()


@pytest.mark.parametrize(("sizes", "seed"), OF_SITUS)
def test_situs_has_the_same_people_as_ever(people, sizes, seed):
    numbers = {"train": 1000, "val": 100, "test": 300}
    frame = of_situs(people, numbers if sizes == "counts" else SHARES, seed)
    assert digest(frame) == OF_SITUS[sizes, seed]


@pytest.mark.parametrize(("case", "seed"), OF_FINDING)
def test_a_finding_has_the_same_people_as_ever(people, case, seed, tmp_path):
    people["image"][::37].to_csv(tmp_path / "reads.csv", index=False)
    options = {
        "counts": {"sizes": {"train": 2000, "val": 300, "test": 900}},
        "shares": {},
        "published": {"cohort": "published"},
        "held out": {"held_out": str(tmp_path / "reads.csv"), "name": "pleural thickening"},
    }
    made = of_finding(people, seed, **options[case])
    assert digest(made.frame) == OF_FINDING[case, seed]


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
    frame = of_situs(index(counts), seed=seed)
    assert frame["patient"].is_unique
    sizes = frame["split"].value_counts()
    assert [sizes[name] for name in ("val", "test")] == [
        int(SIZES[name] * len(counts)) for name in ("val", "test")
    ]


@given(COUNTS, st.integers(0, 3))
def test_shares_that_add_up_to_1_leave_nobody_out_and_train_takes_what_rounding_leaves(
    counts, seed
):
    sizes = of_situs(index(counts), seed=seed)["split"].value_counts()
    assert sizes.sum() == len(counts)
    assert 0 <= sizes["train"] - int(SIZES["train"] * len(counts)) <= 2


def test_shares_below_1_leave_somebody_out():
    sizes = {"train": 0.5, "val": 0.2, "test": 0.2}
    assert len(of_situs(index([1] * 41), sizes)) == 20 + 8 + 8


@given(COUNTS, st.integers(0, 3))
def test_exactly_half_of_each_split_is_mirrored(counts, seed):
    frame = of_situs(index(counts), seed=seed)
    for _, split in frame.groupby("split"):
        assert split["mirrored"].sum() == len(split) // 2
    assert (frame["true_label"] == frame["mirrored"]).all()
    assert (frame["label"] == "situs").all()


@given(COUNTS, st.randoms())
def test_the_order_of_the_index_changes_nothing(counts, random):
    frame = index(counts)
    shuffled = frame.sample(frac=1, random_state=random.randint(0, 999))
    pd.testing.assert_frame_equal(of_situs(frame), of_situs(shuffled))


def test_another_image_of_a_patient_changes_no_other_patient():
    before = of_situs(index([1] * 50)).set_index("patient")
    after = of_situs(index([1] * 49 + [4])).set_index("patient")
    others = [str(patient) for patient in range(49)]
    pd.testing.assert_frame_equal(before.loc[others], after.loc[others])


def test_the_image_of_a_patient_is_drawn_and_not_the_first():
    chosen = splits.one_per_patient(index([4] * 200), 0)["image"].str[9:12].value_counts()
    assert len(chosen) == 4
    assert chosen.min() > 25


def test_a_cohort_without_images_of_the_views_names_the_key_and_what_is_there():
    sentence = r"cohort is empty: tasks.situs.views is PA, but the images have the views AP \(2\)"
    with pytest.raises(UserError, match=sentence):
        of_situs(index([1, 1]).assign(view="AP"))


def test_images_of_other_views_are_counted_in_the_log(caplog):
    caplog.set_level(logging.INFO)
    frame = index([1] * 40)
    frame.loc[:2, "view"] = "LL"
    assert len(of_situs(frame)) == 37
    assert "left out, for tasks.situs.views: LL (3)" in caplog.text


def test_a_task_can_use_several_views():
    frame = index([1] * 40)
    frame.loc[:19, "view"] = "AP"
    assert len(of_situs(frame, views=["PA", "AP"])) == 40


def test_splits_larger_than_the_cohort_are_refused():
    with pytest.raises(UserError, match="tasks.situs.splits asks for 30 patients.*has 12"):
        of_situs(index([1] * 12), {"train": 10, "val": 10, "test": 10})


def test_a_split_that_would_be_empty_is_named():
    with pytest.raises(UserError, match=r"situs.splits leaves no patient for val \(.*of 12\)"):
        of_situs(index([1] * 12), {"train": 0.7, "val": 0.05, "test": 0.2})


def test_a_split_of_one_class_is_named():
    with pytest.raises(UserError, match="situs is mirrored in no image of val"):
        of_situs(index([1] * 12), {"train": 8, "val": 1, "test": 3})


@pytest.mark.parametrize("patients", [1, 2])
def test_one_or_two_patients_are_refused_before_any_training(patients):
    frame = small_index([10] * patients)
    with pytest.raises(UserError, match="leaves no patient for"):
        of_situs(frame)
    with pytest.raises(UserError, match=r"emphysema.splits leaves no image for .*of [12] patients"):
        of_finding(frame)


@pytest.fixture(scope="module")
def chestxray14(nih):
    """The index of the released metadata, with a column for emphysema."""
    return whole.metadata(nih / "Data_Entry_2017_v2020.csv.gz")


def test_the_real_cohort_has_the_papers_numbers(chestxray14):
    sizes = {"train": 25000, "val": 1000, "test": 2868}
    frame = of_situs(chestxray14, sizes)
    assert len(frame) == 28868
    assert frame.groupby("split").size().to_dict() == sizes
    assert frame.groupby("split")["mirrored"].sum().to_dict() == {
        "train": 12500,
        "val": 500,
        "test": 1434,
    }


def published(chestxray14):
    sizes = {"train": 38353, "val": 4625, "test": 21176}
    positives = {"train": 0.61974, "val": 0.06386, "test": 0.3164}
    return of_finding(chestxray14, 0, sizes, positives, cohort="published")


def test_the_published_cohort_of_emphysema_has_the_papers_numbers(chestxray14):
    made = published(chestxray14)
    table = counts(made).pivot(index="split", columns="class", values="images")
    assert table.sum(axis=1).to_dict() == {"train": 38353, "val": 4625, "test": 21176}
    assert table["present"].to_dict() == {"train": 854, "val": 88, "test": 436}
    assert made.frame.groupby("patient")["split"].nunique().max() == 1


def test_all_images_can_be_the_cohort_of_emphysema(chestxray14):
    frame = of_finding(chestxray14).frame
    assert (chestxray14["view"] == "PA").sum() == 67310
    assert len(frame) >= 67308
    assert frame["reported_label"].sum() >= 1497


@st.composite
def reports(draw):
    """An index of PA images of a finding, with several images for some patients."""
    numbers = draw(st.lists(st.integers(1, 4), min_size=30, max_size=60))
    numbers += [1] * 12  # many patients of any archive have one image
    patients = [str(patient) for patient, number in enumerate(numbers) for _ in range(number)]
    positive = draw(st.lists(st.booleans(), min_size=len(patients), max_size=len(patients)))
    positive[:4] = positive[-8:] = [True, False, True, False]
    positive += [True, False] * 6
    patients += [f"more {number}" for number in range(len(positive) - len(patients))]
    return pd.DataFrame(
        {
            "image": [f"{number:08d}_000.png" for number in range(len(patients))],
            "patient": patients,
            "view": "PA",
            "Emphysema": ["1" if here else "0" for here in positive],
        }
    )


@given(reports(), st.integers(0, 3))
def test_the_splits_of_a_finding_have_whole_patients_and_their_shares(index, seed):
    frame = of_finding(index, seed).frame
    sizes = frame["split"].value_counts()
    for split, share in SHARES.items():
        assert abs(sizes[split] - share * len(index)) <= 4  # images of the largest patient
    assert len(frame) == len(index)
    assert frame.groupby("patient")["split"].nunique().max() == 1
    assert not frame["mirrored"].any()
    assert (frame["true_label"] == manifests.UNKNOWN).all()
    assert (frame["label"] == "Emphysema").all()


def patients_of(frame):
    positive = (frame["Emphysema"] == "1").groupby(frame["patient"])
    return positive.agg(images="size", positives="sum").reset_index()


@given(st.integers(20, 40), st.integers(0, 3))
def test_numbers_of_images_are_met_exactly(patients, seed):
    table = patients_of(small_index([2] * patients + [1] * patients))
    sizes = {"train": patients, "val": patients // 2, "test": patients - 3}
    found = splits.by_positives(table, sizes, SHARES, "emphysema", seed)
    assert table["images"].groupby(found).sum().drop("", errors="ignore").to_dict() == sizes


@given(reports())
def test_the_order_of_the_index_does_not_change_the_cohort_of_a_finding(index):
    pd.testing.assert_frame_equal(of_finding(index).frame, of_finding(index.iloc[::-1]).frame)


@given(reports())
def test_no_split_has_more_positive_images_than_its_share(index):
    frame = of_finding(index).frame
    positive = frame.groupby("split")["reported_label"].sum()
    for split in ("val", "test"):
        assert positive[split] <= SHARES[split] * (index["Emphysema"] == "1").sum() + 4


def test_without_shares_of_the_positives_they_follow_the_splits(people):
    frame = of_finding(people, sizes={"train": 2000, "val": 300, "test": 900}, positives=None).frame
    assert frame["split"].value_counts().to_dict() == {"train": 2000, "val": 300, "test": 900}
    rates = frame.groupby("split")["reported_label"].mean()
    assert rates.max() - rates.min() < 0.005


@given(reports())
def test_rare_labels_are_repeated_until_both_are_equal(index):
    frame = of_finding(index).frame.rename(columns={"reported_label": "given_label"})
    repeated = balanced(frame, seed=0)
    numbers = repeated["given_label"].value_counts()
    assert numbers[0] == numbers[1]
    assert set(repeated["image"]) == set(frame["image"])
    rare = frame["given_label"].value_counts().idxmin()
    assert np.ptp(repeated["image"][repeated["given_label"] == rare].value_counts()) <= 1


def test_of_three_classes_each_is_repeated():
    frame = pd.DataFrame({"image": map(str, range(15)), "given_label": [0] * 8 + [1] * 5 + [2] * 2})
    repeated = balanced(frame, seed=0)
    assert repeated["given_label"].value_counts().to_dict() == {0: 8, 1: 8, 2: 8}


def small_index(images_per_patient, positives=1):
    patients = [f"A{p}" for p, n in enumerate(images_per_patient) for _ in range(n)]
    return pd.DataFrame(
        {
            "image": [f"{number:08d}_000.png" for number in range(len(patients))],
            "patient": patients,
            "view": "PA",
            "Emphysema": ["1"] * positives + ["0"] * (len(patients) - positives),
        }
    )


def test_a_finding_that_the_metadata_lacks_is_refused_with_what_may_be_meant():
    with pytest.raises(UserError, match="emphysema.finding is hernia.*choose one of Emphysema"):
        of_finding(small_index([2] * 10), name="hernia")
    with pytest.raises(UserError, match="is emphysma.*you may mean Emphysema"):
        of_finding(small_index([2] * 10), name="emphysma")


def test_a_finding_that_nobody_has_is_refused():
    with pytest.raises(UserError, match=r"Emphysema is present in no image of train and val and"):
        of_finding(small_index([2] * 30, positives=0))


def test_too_few_positives_for_every_split_are_said_at_the_cohort():
    sizes = {"train": 0.6, "val": 0.2, "test": 0.2}
    sentence = (
        r"Emphysema is present in no image of .*\(2 patients in all\).*tasks.emphysema.splits"
    )
    with pytest.raises(UserError, match=sentence):
        of_finding(small_index([1] * 24, positives=2), 0, sizes, sizes)


def test_splits_that_whole_patients_cannot_fill_are_refused():
    sizes = {"train": 40, "val": 10, "test": 20}
    with pytest.raises(UserError, match="cannot be met exactly without splitting a patient"):
        of_finding(small_index([7] * 10), 0, sizes)


def test_the_published_cohort_is_refused_for_patients_that_are_no_numbers():
    with pytest.raises(UserError, match="cohort is published.*patient A0 is no number: set it to"):
        of_finding(small_index([1] * 30), cohort="published")


def test_the_published_cohort_is_refused_where_no_patient_is_in_it():
    frame = small_index([1] * 30)
    frame["patient"] = [str(90000 + number) for number in range(30)]
    with pytest.raises(UserError, match="cohort is published.*no patient is"):
        of_finding(frame, cohort="published")


def test_images_whose_label_is_not_known_are_left_out_and_counted(caplog):
    caplog.set_level(logging.INFO)
    frame = small_index([1] * 66, positives=30)
    frame.loc[40:45, "Emphysema"] = "-1"
    frame.loc[50:52, "Emphysema"] = ""
    assert len(of_finding(frame).frame) == 60
    assert "Emphysema: 6 uncertain cells are taken as masked" in caplog.text
    assert "Emphysema: 3 empty cells are taken as absent" in caplog.text
    assert "left out, without a known value of Emphysema: 6 images" in caplog.text
    made = of_finding(frame, uncertain="present", empty="masked").frame
    assert set(made.loc[made["reported_label"] == 1, "image"]) >= set(frame["image"][40:46])
    assert not set(made["image"]) & set(frame["image"][50:53])


def test_images_that_are_held_out_are_the_test_split_and_their_patients_in_no_other(tmp_path):
    frame = small_index([3] * 10 + [1] * 30, positives=15)
    frame.loc[[45, 50], "Emphysema"] = "1"
    held_out = list(frame["image"][[3, 45, 46]])
    pd.DataFrame({"Image ID": [*held_out, "elsewhere.png"]}).to_csv(tmp_path / "reads.csv")
    made = of_finding(frame, held_out=str(tmp_path / "reads.csv")).frame
    test = made[made["split"] == "test"]
    assert set(test["image"]) == set(held_out)
    others = made[made["split"] != "test"]
    assert len(frame) - 6 <= len(others) <= len(frame) - 5
    assert not set(others["patient"]) & set(test["patient"])


def test_held_out_images_of_another_data_set_are_refused(tmp_path):
    (tmp_path / "reads.csv").write_text("image\nelsewhere.png\n")
    with pytest.raises(UserError, match="None of the images that tasks.emphysema.held_out names"):
        of_finding(small_index([1] * 30), held_out=str(tmp_path / "reads.csv"))


def test_a_file_without_a_column_of_images_is_refused(tmp_path):
    (tmp_path / "reads.csv").write_text("case,answer\na,YES\n")
    with pytest.raises(UserError, match="reads.csv has no column image or Image ID"):
        splits.images_named(tmp_path / "reads.csv", "tasks.emphysema.held_out")


@pytest.mark.parametrize("content", [b"", b"image\n\xff\xfe", b'image\n"a', b"image\na,b\nc,d,e\n"])
def test_held_out_images_in_a_file_that_is_no_csv_are_one_sentence(tmp_path, content):
    (tmp_path / "reads.csv").write_bytes(content)
    with pytest.raises(UserError, match="cannot be read .* set tasks.x.held_out to a CSV file"):
        splits.images_named(tmp_path / "reads.csv", "tasks.x.held_out")


def test_every_kind_of_task_makes_a_cohort():
    for kind in KINDS:
        assert callable(KINDS[kind].cohort)


def test_a_kind_that_does_not_exist_is_refused():
    with pytest.raises(UserError, match="no kind of task 'regression': choose one of situs, "):
        KINDS["regression"]
