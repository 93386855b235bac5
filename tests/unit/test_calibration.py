"""The calibration of an audit: how likely each label is wrong, learnt from what people read."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from scipy.special import expit, logit

import rankings
from cxrnoise.audit import calibration
from cxrnoise.core.errors import UserError

FINDINGS = {"Effusion": -1.0, "Hernia": -4.0, "Mass": -2.5}  # log odds of a wrong label
IMAGES_OF_A_PATIENT = 2


def archive(images, seed=0, findings=FINDINGS, site=0.0):
    """An archive with labels that are wrong with known probabilities.

    Returns its ranking, with `chance` and `wrong` besides, and what is true of each label. In every
    second image the log odds are higher by `site`, of which the model knows nothing.
    """
    rng = np.random.default_rng(seed)
    of_image = np.repeat(np.arange(images), len(findings))
    table = pd.DataFrame(
        {
            "image": [f"{number:05d}.png" for number in of_image],
            "patient": [f"p{number // IMAGES_OF_A_PATIENT}" for number in of_image],
            "label": list(findings) * images,
            "given_label": (rng.random(len(of_image)) < 0.3).astype(np.int8),
            "probability": rng.beta(1, 4, len(of_image)),
        }
    )
    table["suggested"] = table["given_label"] ^ (table["probability"] > 0.5)
    table["score"] = table["probability"]
    table["rank"] = table["score"].rank(ascending=False, method="first").astype(int)
    odds = table["label"].map(findings) + 0.6 * (logit(table["probability"]) + 1.5)
    odds += table["given_label"] + site * (of_image % 2)
    table["chance"] = expit(odds)
    table["wrong"] = rng.random(len(table)) < table["chance"]
    table.attrs["classes"] = ["absent", "present"]
    true = table["given_label"] ^ table["wrong"]
    return table, table[["image", "label"]].assign(true_label=true.astype(np.int8))


def read(ranking, images, rate=None):
    """The sample of some images, drawn with equal rates if none are given."""
    rate = len(images) / ranking["image"].nunique() if rate is None else rate
    return pd.DataFrame({"image": images, "rate": rate})


def some_images(ranking, number, seed=0):
    images = ranking["image"].unique()
    return np.random.default_rng(seed).choice(images, number, replace=False)


def of_images(verdicts, images):
    return verdicts[verdicts["image"].isin(images)]


def test_known_probabilities_are_found_again():
    ranking, truth = archive(3000)
    images = some_images(ranking, 1500)
    found = calibration.calibrate(ranking, read(ranking, images), of_images(truth, images))
    assert found[["image", "label"]].equals(ranking[["image", "label"]])
    assert (found["calibrated"] - ranking["chance"]).abs().mean() < 0.02
    assert np.isclose(found["calibrated"].sum(), ranking["chance"].sum(), rtol=0.08)


def test_images_that_were_drawn_more_often_count_less():
    """Wrong labels gather in every second image, which is drawn four times as often."""
    ranking, truth = archive(3000, site=2.0)
    images = ranking["image"].unique()
    rate = np.where(np.arange(len(images)) % 2, 0.8, 0.2)
    taken = np.random.default_rng(0).random(len(images)) < rate
    images, rate = images[taken], rate[taken]
    expected = {
        name: calibration.calibrate(ranking, read(ranking, images, rates), truth)[
            "calibrated"
        ].sum()
        for name, rates in {"weighted": rate, "not": None}.items()
    }
    assert np.isclose(expected["weighted"], ranking["chance"].sum(), rtol=0.08)
    assert expected["not"] > 1.2 * ranking["chance"].sum()


def test_a_patient_does_not_judge_his_own_labels():
    ranking, truth = archive(200)
    images = some_images(ranking, 100)
    sample, verdicts = read(ranking, images), of_images(truth, images)
    patient = ranking.set_index("image")["patient"].loc[images[0]].iloc[0]
    own = ranking["patient"] == patient
    changed = verdicts["image"].isin(ranking.loc[own, "image"])
    other = verdicts.assign(true_label=verdicts["true_label"] ^ changed)
    before = calibration.calibrate(ranking, sample, verdicts)["calibrated"]
    after = calibration.calibrate(ranking, sample, other)["calibrated"]
    assert before[own].equals(after[own])
    assert not np.isclose(before[~own], after[~own]).all()


def test_a_finding_that_nobody_read_gets_the_mean_of_the_others():
    ranking, truth = archive(1000, findings={"Effusion": 0.0, "Hernia": -4.0, "Mass": -2.0})
    images = some_images(ranking, 500)
    verdicts = of_images(truth, images)
    verdicts = verdicts[verdicts["label"] != "Mass"]
    found = calibration.calibrate(ranking, read(ranking, images), verdicts)
    by_finding = found.groupby("label")["calibrated"].mean()
    assert by_finding["Hernia"] < by_finding["Mass"] < by_finding["Effusion"]


def test_what_is_read_outside_of_the_sample_teaches_nothing():
    ranking, truth = archive(200)
    images = some_images(ranking, 80)
    inside, outside = images[:60], images[60:]
    plain = calibration.calibrate(ranking, read(ranking, inside), of_images(truth, inside))
    suspicious = pd.concat([read(ranking, inside), read(ranking, outside, np.nan)])
    beside = calibration.calibrate(ranking, suspicious, of_images(truth, images))
    assert beside.equals(plain)


def test_sixty_reads_without_a_wrong_label_are_enough():
    ranking, truth = archive(500, findings={"Mass": -2.0})
    images = some_images(ranking, 60)
    verdicts = of_images(ranking, images)[["image", "label", "given_label"]]
    verdicts = verdicts.rename(columns={"given_label": "true_label"})
    found = calibration.calibrate(ranking, read(ranking, images), verdicts)
    assert found["calibrated"].between(1e-6, 0.2).all()


@settings(max_examples=15, deadline=None)
@drawn(
    kind=st.sampled_from(["findings", "one finding", "classes"]),
    images=st.integers(4, 60),
    reads=st.integers(1, 40),
    unsure=st.floats(0, 0.9),
    seed=st.integers(0, 10),
)
def test_every_label_keeps_its_row_and_gets_a_probability(kind, images, reads, unsure, seed):
    rng = np.random.default_rng(seed)
    if kind == "classes":
        ranking = rankings.of_classes(images, seed)
    else:
        ranking = rankings.of_findings(images, seed, *[("Mass",), (0.3,)] * (kind != "findings"))
    taken = some_images(ranking, min(reads, images), seed)
    verdicts = of_images(ranking, taken)[["image", "label"]]
    said = rng.integers(0, 2, len(verdicts))
    said[1:][rng.random(len(said) - 1) < unsure] = -1
    verdicts, sample = verdicts.assign(true_label=said), read(ranking, taken, rng.random())
    found = calibration.calibrate(ranking, sample, verdicts)
    assert found[["image", "label"]].equals(ranking[["image", "label"]])
    assert found["calibrated"].between(0, 1, inclusive="neither").all()

    ranked = calibration.ranked(ranking, found, verdicts)
    assert ranked["calibrated"].is_monotonic_decreasing
    assert (ranked["verdict"] != "").sum() == len(verdicts)
    expected = calibration.first(ranked, sample, verdicts)
    assert expected["k"].iloc[-1] == len(ranking)
    assert (expected["read"] <= expected["k"]).all()
    for value, low, high in (
        ("wrong", "low", "high"),
        ("remaining", "remaining_low", "remaining_high"),
    ):
        assert (expected[low] <= expected[value]).all() and (
            expected[value] <= expected[high]
        ).all()
    assert (expected["high"] <= expected["k"]).all() and (expected["low"] >= 0).all()
    assert expected["remaining"].iloc[-1] == 0


def test_classes_are_judged_by_the_given_class():
    """Every third dog is a cat; the model does not know it."""
    rng = np.random.default_rng(0)
    ranking = rankings.of_classes(1500)
    dog = ranking["given_label"] == 1
    wrong = dog & (rng.random(len(ranking)) < 0.3)
    true = ranking["given_label"].where(~wrong, 0)
    images = some_images(ranking, 400)
    verdicts = of_images(ranking.assign(true_label=true), images)
    found = calibration.calibrate(ranking, read(ranking, images), verdicts)
    assert np.isclose(found.loc[dog, "calibrated"].mean(), 0.3, atol=0.07)
    assert found.loc[~dog, "calibrated"].mean() < 0.05


def test_the_ranking_after_reading_says_what_readers_said():
    ranking, truth = archive(40)
    images = some_images(ranking, 20)
    verdicts = of_images(truth, images).reset_index(drop=True)
    verdicts.loc[:4, "true_label"] = -1
    found = calibration.calibrate(ranking, read(ranking, images), verdicts)
    after = calibration.ranked(ranking, found, verdicts)
    wrong = of_images(after, images)["wrong"]
    said = after.loc[wrong.index, "verdict"]
    assert said.isin(["right", "wrong", "not sure"]).all() and (said == "not sure").sum() == 5
    assert said[~wrong].isin(["right", "not sure"]).all() and "right" not in set(said[wrong])
    people = calibration.for_people(after)
    assert people["rank"].tolist() == list(range(1, len(ranking) + 1))
    assert set(people["given"]) == {"absent", "present"}
    assert people["probability_wrong"].is_monotonic_decreasing
    assert {"probability_wrong_not_calibrated", "verdict"} <= set(people)


def test_labels_that_were_read_count_as_known():
    ranking, truth = archive(60)
    sample = read(ranking, ranking["image"].unique())
    after = calibration.ranked(ranking, calibration.calibrate(ranking, sample, truth), truth)
    expected = calibration.first(after, sample, truth)
    wrong = after["wrong"].cumsum().to_numpy()[expected["k"] - 1]
    assert expected["k"].tolist() == [10, 20, 50, 100, 180] == expected["read"].tolist()
    for column in ("wrong", "low", "high"):
        assert np.allclose(expected[column], wrong)
    for column in ("remaining", "remaining_low", "remaining_high"):
        assert np.allclose(expected[column], wrong[-1] - wrong)


def test_the_number_of_wrong_labels_lies_in_its_interval():
    inside = []
    for seed in range(40):
        ranking, truth = archive(240, seed)
        images = some_images(ranking, 80, seed)
        sample, verdicts = read(ranking, images), of_images(truth, images)
        found = calibration.calibrate(ranking, sample, verdicts)
        after = calibration.ranked(ranking, found, verdicts)
        expected = calibration.first(after, sample, verdicts)
        wrong = after["wrong"].cumsum().to_numpy()[expected["k"] - 1]
        inside.append(expected["low"].le(wrong) & expected["high"].ge(wrong))
    assert np.mean(inside, axis=0).min() >= 0.9  # 36 of 40


def test_the_fewer_are_read_the_wider_is_the_interval():
    ranking, truth = archive(600)
    widths = []
    for number in (40, 300):
        images = some_images(ranking, number)
        sample, verdicts = read(ranking, images), of_images(truth, images)
        after = calibration.ranked(
            ranking, calibration.calibrate(ranking, sample, verdicts), verdicts
        )
        expected = calibration.first(after, sample, verdicts).iloc[-1]
        widths.append(expected["high"] - expected["low"])
    assert widths[0] > 1.5 * widths[1]


def test_without_a_verdict_nothing_is_learnt():
    ranking, truth = archive(20)
    sample = read(ranking, ranking["image"].unique())
    with pytest.raises(
        UserError, match=r"No label of the sample has a verdict \(60 are not sure\)"
    ):
        calibration.calibrate(ranking, sample, truth.assign(true_label=-1))
