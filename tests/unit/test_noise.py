"""Label noise: which labels are flipped, and to what."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import synthetic
from cxrnoise.core.errors import UserError
from cxrnoise.tasks.content import content
from cxrnoise.tasks.kinds import finding, situs
from cxrnoise.tasks.noise import flip
from cxrnoise.tasks.noise.registry import MODELS

LEVELS = (0, 1, 2, 4, 8, 16, 32, 50)
SPLITS = ("train", "val", "test")
ANIMALS = ["bird", "cat", "dog", "frog"]
RATES = {
    "one a class": {"bird": 1, "cat": 0.25, "frog": 2},
    "one a direction": {"cat": {"dog": 1, "frog": 0.5}, "dog": {"cat": 2}, "bird": 0.5},
}


def cohort(images=4000, classes=2, labels=("situs",)):
    """Labels that go round the classes; each image has all of `labels`."""
    frame = pd.DataFrame({"image": [f"{number:08d}_000.png" for number in range(images)]})
    frame["patient"] = [str(number // 3) for number in range(images)]
    frame["split"] = np.array(["train", "val", "test", "test"])[np.arange(images) % 4]
    frame = frame.loc[frame.index.repeat(len(labels))].reset_index(drop=True)
    reported = (np.arange(len(frame)) // len(labels) % (classes * 3) // 3).astype(np.int8)
    known = {"true_label": reported, "reported_label": reported}
    return frame.assign(label=np.tile(labels, images), mirrored=False, **known)


def labels(level, splits=SPLITS, seed=0, frame=None, model="symmetric", classes=None, **options):
    frame = cohort() if frame is None else frame
    classes = classes or ["unmirrored", "mirrored"]
    return flip.labels(frame, classes, model, level, {"name": "x", **options}, splits, seed)


def digest(frame):
    shown = ["image", "patient", "split", "mirrored", "true_label", "reported_label"]
    shown += ["given_label", "flipped"]
    numbers = frame[shown].astype({"mirrored": int, "flipped": int})
    text = "\n".join("\t".join(map(str, row)) for row in numbers.itertuples(index=False))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


SHARES = {"train": 0.6, "val": 0.15, "test": 0.25}
COUNTS = {"train": 1027, "val": 256, "test": 428}  # the patients whom these shares once took


# Computed with the code of commit a4114d2, as in test_cohorts.py.
@pytest.mark.parametrize(
    ("seed", "level", "splits", "expected"),
    [
        (0, 8, SPLITS, "96ad2838af5f9ea5"),
        (0, 32, ("train",), "2d074250acb2c4ee"),
        (1, 8, SPLITS, "9c395804243ade25"),
        (1, 32, ("train",), "70a4b26142c5c770"),
    ],
)
def test_the_flips_of_situs_are_the_same_as_ever(seed, level, splits, expected):
    options = {"name": "situs", "views": ["PA"], "splits": COUNTS}
    frame = situs.cohort(synthetic.index(), options, seed).frame
    assert digest(labels(level, splits, seed, frame)) == expected


@pytest.mark.parametrize(("seed", "expected"), [(0, "7eda4541e254dd32"), (1, "eae2caa07cbbece0")])
def test_the_flips_of_a_finding_are_the_same_as_ever(seed, expected):
    options = {"name": "x", "views": ["PA"], "finding": "Emphysema", "splits": SHARES}
    frame = finding.cohort(synthetic.index(), {**options, "positives": SHARES}, seed).frame
    assert digest(labels(16, SPLITS, seed, frame)) == expected


CASES = {
    "binary": {},
    "four classes": {"frame": cohort(classes=4), "classes": ANIMALS},
    "two findings": {"frame": cohort(labels=("Edema", "Mass"))},
    **{
        f"conditional, {how}": {
            "frame": cohort(classes=4),
            "classes": ANIMALS,
            "model": "class_conditional",
            "class_rates": rates,
        }
        for how, rates in RATES.items()
    },
}


@given(
    st.sampled_from(list(CASES.values())),
    st.sampled_from(LEVELS),
    st.sampled_from(LEVELS),
    st.integers(0, 3),
)
def test_levels_are_nested_and_a_flipped_label_stays_the_same(case, one, other, seed):
    low, high = sorted((one, other))
    fewer, more = labels(low, seed=seed, **case), labels(high, seed=seed, **case)
    kept = fewer["flipped"]
    assert more.loc[kept, "flipped"].all()
    assert (more.loc[kept, "given_label"] == fewer.loc[kept, "given_label"]).all()
    assert ((more["given_label"] != more["reported_label"]) == more["flipped"]).all()


@pytest.mark.parametrize("level", LEVELS)
def test_the_realised_rate_is_a_binomial_draw_around_the_nominal_one(level):
    flipped = labels(level)["flipped"].sum()
    expected, spread = 40 * level, np.sqrt(4000 * level / 100 * (1 - level / 100))
    assert abs(flipped - expected) <= 4 * spread


@given(st.sets(st.sampled_from(SPLITS)))
def test_noise_stays_in_the_splits_that_are_to_be_noisy(splits):
    manifest = labels(50, splits)
    assert set(manifest.loc[manifest["flipped"], "split"]) == splits


@given(st.integers(1, 3999))
def test_another_image_changes_no_other_flip(images):
    whole = labels(32)
    part = labels(32, frame=cohort().iloc[:images])
    pd.testing.assert_series_equal(part["flipped"], whole["flipped"].iloc[:images])


def test_another_seed_flips_others():
    assert not labels(16)["flipped"].equals(labels(16, seed=1)["flipped"])


def test_of_several_classes_each_wrong_one_is_given_equally_often():
    made = labels(50, **CASES["four classes"])
    flipped = made[made["flipped"]]
    table = pd.crosstab(flipped["reported_label"], flipped["given_label"]).to_numpy()
    assert (np.diag(table) == 0).all()
    others = table[~np.eye(4, dtype=bool)]
    expected = len(flipped) / 12
    assert (abs(others - expected) < 4 * np.sqrt(expected)).all()


def test_each_finding_of_an_image_has_a_draw_of_its_own():
    made = labels(50, **CASES["two findings"])
    flipped = made.pivot(index="image", columns="label", values="flipped")
    assert abs((flipped["Edema"] == flipped["Mass"]).mean() - 0.5) < 0.04


def test_another_finding_changes_no_flip_of_the_others():
    three = labels(32, frame=cohort(labels=("Edema", "Hernia", "Mass")))
    two = labels(32, **CASES["two findings"])
    kept = three[three["label"] != "Hernia"].reset_index(drop=True)
    assert kept["flipped"].equals(two["flipped"])


@given(st.sampled_from(LEVELS), st.sampled_from(["symmetric", "class_conditional"]))
def test_a_label_that_is_not_known_is_never_flipped(level, model):
    frame = cohort(400, labels=("Edema", "Mass"))
    frame.loc[::3, "reported_label"] = -1
    classes, rates = ["absent", "present"], {"absent": 0.5, "present": 1}
    made = labels(level, frame=frame, model=model, classes=classes, class_rates=rates)
    masked = made[made["reported_label"] == -1]
    assert not masked["flipped"].any()
    assert (masked["given_label"] == -1).all()


def test_a_rate_a_class_is_a_multiple_of_the_level():
    made = labels(20, **CASES["conditional, one a class"])
    rates = made.groupby("reported_label")["flipped"].mean()
    np.testing.assert_allclose(rates, [0.2, 0.05, 0, 0.4], atol=4 * np.sqrt(0.24 / 1000))
    assert rates[2] == 0


def test_a_rate_a_direction_says_which_class_is_given():
    made = labels(20, **CASES["conditional, one a direction"])
    table = pd.crosstab(made["reported_label"], made["given_label"], normalize="index").to_numpy()
    expected = np.array(
        [
            [0.9, 1 / 30, 1 / 30, 1 / 30],
            [0, 0.7, 0.2, 0.1],
            [0, 0.4, 0.6, 0],
            [0, 0, 0, 1],
        ]
    )
    np.testing.assert_allclose(table, expected, atol=4 * np.sqrt(0.24 / 1000))
    assert ((table == 0) == (expected == 0)).all()


@pytest.mark.parametrize(
    ("rates", "sentence"),
    [
        ({"horse": 1}, "class_rates names the class horse: the classes are bird, cat, dog, frog"),
        ({"cat": {"cow": 1}}, "names the class cow"),
        ({"cat": 4}, "noise level 50 would flip 200 % of the class cat"),
    ],
)
def test_rates_that_cannot_be_are_one_sentence(rates, sentence):
    case = CASES["conditional, one a class"] | {"class_rates": rates}
    with pytest.raises(UserError, match=sentence):
        labels(50, **case)


def test_a_model_that_does_not_exist_is_refused():
    with pytest.raises(UserError, match="no noise model 'pair': choose one of symmetric"):
        labels(8, model="pair")


def test_a_model_needs_two_functions_and_may_let_patients_share_a_draw(monkeypatch):
    class Patient:
        probability = staticmethod(MODELS["symmetric"].probability)
        key = staticmethod(lambda labels: labels["patient"])

    monkeypatch.setattr(flip, "MODELS", {"patient": Patient})
    made = labels(50, model="patient")
    assert made.groupby("patient")["flipped"].nunique().max() == 1
    assert 0.4 < made["flipped"].mean() < 0.6


def test_what_was_flipped_is_counted_per_split_label_and_class():
    frame = cohort(labels=("Edema", "Mass"))
    frame.loc[4::5, "reported_label"] = -1
    made = labels(8, frame=frame, classes=["absent", "present"])
    table = flip.flips(made, ["absent", "present"])
    assert list(table.columns) == ["split", "label", "class", "images", "flipped", "percent"]
    assert table["split"].tolist() == ["train"] * 4 + ["val"] * 4 + ["test"] * 4
    assert table["label"].tolist() == ["Edema", "Edema", "Mass", "Mass"] * 3
    assert table["class"].tolist() == ["absent", "present"] * 6
    assert table["images"].sum() == (frame["reported_label"] >= 0).sum()
    assert table["flipped"].sum() == made["flipped"].sum()
    np.testing.assert_allclose(
        table["percent"], 100 * table["flipped"] / table["images"], atol=1e-4
    )


def test_the_digest_is_that_of_what_a_training_reads():
    made = labels(8)
    assert content(made) == content(made.assign(true_label=-1, reported_label=-1, patient="x"))
    assert content(made) == content(made.astype({"image": object, "given_label": "int64"}))
    others = [
        labels(16),
        made.assign(split="train"),
        made.assign(mirrored=True),
        made.assign(label="other"),
        made.assign(image=made["image"] + "x"),
        made.iloc[::-1],
    ]
    assert len({content(frame) for frame in [made, *others]}) == 7
