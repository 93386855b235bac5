"""The design of an audit and the images to read: strata, rates, numbers that stay, and cases."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rankings
from cxrnoise.audit import sample
from cxrnoise.core import manifests, provenance
from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import SCHEMAS

RANKING = rankings.of_findings(300)


def designed(ranking=RANKING, draw="stratified", first=0, name="first"):
    return sample.design(ranking, draw, first, seed=0, name=name)


DESIGN = designed()
_, LEAST = sample.in_turn(DESIGN)


def per_stratum(frame):
    return frame["stratum"].value_counts().sort_index()


def test_every_image_has_a_stratum_a_number_and_a_probability_above_zero():
    assert DESIGN.columns.tolist() == SCHEMAS["design"].names
    assert DESIGN["image"].tolist() == sorted(set(RANKING["image"]))
    assert DESIGN["number"].between(0, 1, inclusive="left").all()
    drawn = sample.sample(DESIGN, LEAST)
    assert set(drawn["stratum"]) == set(DESIGN["stratum"])
    assert (drawn["rate"] > 0).all()
    assert per_stratum(DESIGN).min() >= sample.SMALLEST


def test_strata_are_parts_by_expected_errors_with_and_without_findings():
    given_one = RANKING[RANKING["given_label"] == 1]["image"]
    has = DESIGN["image"].isin(given_one)
    assert has.eq(DESIGN["stratum"].str.startswith("given")).all()
    for side in ("given", "none"):
        own = DESIGN[DESIGN["stratum"].str.startswith(side)].groupby("stratum")["expected"]
        assert len(own) > 1
        assert (own.max().to_numpy()[:-1] <= own.min().to_numpy()[1:]).all()


def test_more_is_read_where_more_errors_are_expected_but_never_less_than_the_floor():
    strata = DESIGN.groupby("stratum").agg({"expected": "mean", "weight": "first"})
    given_one = strata[strata.index.str.startswith("given")]
    assert given_one["weight"].is_monotonic_increasing
    assert strata["weight"].min() >= sample.FLOOR


def test_each_finding_has_the_same_weight():
    hernia = RANKING["label"] == "Hernia"
    rare = RANKING.assign(probability=RANKING["probability"].where(~hernia, 0.01))
    images = rare.pivot(index="image", columns="label", values="probability")
    equal = (images / images.mean()).sum(axis=1)
    assert np.corrcoef(designed(rare)["expected"], equal)[0, 1] == pytest.approx(1)
    assert designed(rare)["expected"].sum() == pytest.approx(rare["probability"].sum())


def test_one_finding_and_classes_have_strata_too():
    finding = rankings.of_findings(600, names=("Mass",), rates=(0.1,))
    sides = designed(finding)["stratum"].str.split("-").str[0]
    assert set(sides) == {"given", "none"}
    classes = designed(rankings.of_classes(600))
    assert sorted(set(classes["stratum"])) == ["all-1", "all-2", "all-3", "all-4"]


@pytest.mark.parametrize("images", [2, 19, 45])
def test_a_small_archive_has_few_strata(images):
    design = designed(rankings.of_findings(images))
    assert design["stratum"].nunique() <= max(1, images // sample.SMALLEST)
    assert len(sample.sample(design, images)) == images


def test_a_finding_without_positives_and_a_model_without_doubt_have_a_design():
    none = rankings.of_findings(100, names=("Hernia", "Mass"), rates=(0, 0.2))
    assert (designed(none[none["given_label"] == 0])["weight"] >= sample.FLOOR).all()
    never = RANKING.assign(probability=RANKING["probability"].where(RANKING["label"] == "Mass", 0))
    assert designed(never)["weight"].max() > 1
    sure = RANKING.assign(probability=0.0)
    assert (designed(sure)["weight"] == 1).all()


def test_simple_is_one_stratum():
    design = designed(draw="simple")
    assert set(design["stratum"]) == {"all"}
    assert sample.sample(design, 30)["rate"].eq(30 / 300).all()


def test_the_first_images_are_read_whole_and_the_rest_is_a_sample():
    design = designed(first=20)
    drawn = sample.sample(design, 60)
    first = drawn[drawn["role"] == sample.FIRST]
    assert len(drawn) == 60
    assert set(first["image"]) == set(design.nsmallest(20, "rank")["image"])
    assert first["rate"].eq(1).all()
    most = RANKING.drop_duplicates("image").head(20)["image"]
    assert set(first["image"]) == set(most)


def test_suspicious_images_beside_the_sample_have_no_rate():
    drawn = sample.sample(DESIGN, 60, suspicious=15)
    beside = drawn[drawn["role"] == sample.SUSPICIOUS]
    assert (len(drawn), len(beside)) == (75, 15)
    assert beside["rate"].isna().all()
    others = DESIGN[~DESIGN["image"].isin(sample.sample(DESIGN, 60)["image"])]
    assert set(beside["image"]) == set(others.nsmallest(15, "rank")["image"])


@given(st.integers(LEAST, 299), st.integers(1, 100), st.sampled_from(["stratified", "simple"]))
@settings(max_examples=20)
def test_a_larger_sample_holds_the_smaller_one(size, more, draw):
    design = designed(draw=draw)
    small, large = (sample.sample(design, min(n, 300)) for n in (size, size + more))
    assert set(small["image"]) <= set(large["image"])
    assert (per_stratum(large) >= per_stratum(small)).all()
    for drawn, n in ((small, size), (large, min(size + more, 300))):
        assert len(drawn) == n
        assert np.isclose((1 / drawn["rate"]).sum(), 300)
        assert (drawn["rate"] <= 1).all()


def test_what_was_suspicious_is_still_shown_when_the_sample_grows():
    small, large = (sample.sample(DESIGN, n, suspicious=20)["image"] for n in (40, 90))
    assert set(small) <= set(large)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_the_order_of_rows_changes_nothing(seed):
    design = designed(rankings.shuffled(RANKING, seed))
    pd.testing.assert_frame_equal(design, DESIGN)
    mixed = sample.sample(rankings.shuffled(DESIGN, seed), 50, 5)
    pd.testing.assert_frame_equal(mixed, sample.sample(DESIGN, 50, 5))


def test_other_images_change_no_number_but_another_name_changes_all():
    part = RANKING[RANKING["image"] < "00000150"]
    numbers = DESIGN.set_index("image")["number"]
    own = designed(part).set_index("image")["number"]
    assert own.equals(numbers.loc[own.index])
    assert not np.isclose(designed(name="second")["number"], DESIGN["number"]).any()


def test_images_are_drawn_with_the_probability_that_is_said():
    drawn = [sample.sample(designed(name=f"{name}"), 60) for name in range(40)]
    often = pd.concat(drawn)["image"].value_counts().reindex(DESIGN["image"], fill_value=0)
    rate = DESIGN["stratum"].map(drawn[0].groupby("stratum")["rate"].first())
    of_stratum = (often.to_numpy() / 40 - rate).groupby(DESIGN["stratum"])
    assert np.allclose(of_stratum.mean(), 0)
    assert of_stratum.apply(abs).max() < 0.3


def test_cases_keep_their_names_and_repeats_when_the_sample_grows():
    small, large = (
        sample.audit_key(sample.sample(DESIGN, n, 10), DESIGN, 0.2, seed=0) for n in (80, 160)
    )
    assert small.columns.tolist() == SCHEMAS["audit_key"].names
    assert set(small["case"]) <= set(large["case"])
    again = large[large["role"] == sample.REPEAT]
    assert 0.1 < len(again) / 170 < 0.3
    repeated = again.merge(large, left_on="repeats", right_on="case")
    assert repeated["image_x"].equals(repeated["image_y"])
    assert large["case"].is_unique
    assert large["case"].str.fullmatch("c[0-9a-f]{12}").all()


@pytest.mark.parametrize(
    ("images", "suspicious", "message"),
    [
        (301, 0, "asks for 301 images to read, but the archive has 300: lower it"),
        (LEAST - 1, 0, f"the design needs {LEAST} or more"),
        (250, 51, "audit.suspicious asks for 51 images, but 50 are outside the sample"),
    ],
)
def test_a_sample_that_cannot_be_is_one_sentence(images, suspicious, message):
    with pytest.raises(UserError, match=message):
        sample.sample(DESIGN, images, suspicious)


def test_no_design_reads_the_whole_archive_first():
    with pytest.raises(UserError, match="audit.first asks for 300 images"):
        designed(first=300)


def test_a_design_of_another_draw_is_kept(tmp_path):
    path = tmp_path / "design.parquet"
    choice = {"draw": "stratified", "first": 0}
    manifests.write(DESIGN, path, "design", provenance.describe(choice, ""))
    sample.check(path, choice)
    with pytest.raises(UserError, match="audit.first is 5, but the design .* name a new design"):
        sample.check(path, {"draw": "stratified", "first": 5})


def test_a_changed_archive_is_said(caplog):
    sample.compare(DESIGN, RANKING)
    assert not caplog.text
    sample.compare(DESIGN, RANKING[RANKING["image"] > "00000004"])
    assert "0 new images, 4 gone" in caplog.text


def test_an_image_of_the_sample_that_is_gone_is_one_sentence():
    key = sample.audit_key(sample.sample(DESIGN, 30), DESIGN, 0.1, seed=0)
    assert len(sample.rows_of_cases(key, DESIGN)) == 30
    with pytest.raises(UserError, match="is no longer in the data set .images gone: 1."):
        sample.rows_of_cases(key, DESIGN[DESIGN["image"] != key["image"].iloc[0]])
