"""How many images to read for which width: before reading, and from the reads."""

import numpy as np
import pandas as pd
import pytest

import rankings
from cxrnoise.audit import plan, sample

RANKING = rankings.of_findings(2000)
DESIGN = sample.design(RANKING, "stratified", 0, 0, "first")
PLAN = plan.plan(DESIGN, RANKING, 150)


def of(label, table=PLAN):
    return table[table["label"] == label].set_index("wish")


@pytest.mark.parametrize("label", ["Effusion", "Hernia", "Mass", "all"])
def test_more_images_are_more_exact_and_all_of_them_are_exact(label):
    own = of(label)
    sizes = own[own.index.str.endswith("images")].sort_values("images")
    assert sizes["images"].tolist() == [50, 100, 150, 200, 300, 500, 1000, 2000]
    assert sizes["points"].is_monotonic_decreasing
    assert sizes["points"].iloc[-1] == 0


@pytest.mark.parametrize("label", ["Effusion", "all"])
def test_a_width_names_the_smallest_number_of_images_that_reaches_it(label):
    own = of(label)
    for points in (2, 3, 5):
        row = own.loc[f"± {points} points"]
        assert row["points"] <= points
        fewer = plan.plan(DESIGN, RANKING, row["images"] - 1)
        assert of(label, fewer).loc[f"{row['images'] - 1} images", "points"] > points - 0.01


def test_a_simple_sample_of_one_finding_has_the_width_of_the_textbook():
    ranking = rankings.of_findings(2000, names=("Mass",), rates=(0.2,)).assign(probability=0.2)
    design = sample.design(ranking, "simple", 0, 0, "first")
    own = of("Mass", plan.plan(design, ranking, 400))
    textbook = 196 * np.sqrt(0.2 * 0.8 / 400 * (1600 / 1999))
    assert own.loc["400 images", "points"] == pytest.approx(textbook, rel=0.02)
    assert "all" not in set(plan.plan(design, ranking, 400)["label"])


def test_fewer_errors_by_the_reads_need_fewer_images():
    reads = RANKING.assign(probability=RANKING["probability"] / 2.5)
    after = plan.plan(DESIGN, reads, 150, plan.READINGS)
    assert (of("all", after)["points"] <= of("all")["points"]).all()
    assert set(after["rests_on"]) == {"readings"}
    assert after["share"].max() < PLAN["share"].max()


def test_a_finding_that_nobody_suspects_has_a_width_too():
    never = RANKING.assign(probability=RANKING["probability"].where(RANKING["label"] == "Mass", 0))
    own = of("Hernia", plan.plan(DESIGN, never, 150)).loc["150 images"]
    assert own["share"] == 0
    assert 0 < own["points"] < 5


def test_images_outside_the_design_play_no_part():
    further = rankings.of_findings(2100)
    further = further[further["image"] >= "00002000"]
    more = pd.concat([RANKING, further], ignore_index=True)
    more.attrs = RANKING.attrs
    pd.testing.assert_frame_equal(plan.plan(DESIGN, more, 150), PLAN)


def test_the_log_says_what_to_expect(caplog):
    caplog.set_level("INFO")
    plan.say(PLAN, 150)
    assert "150 images will give ±" in caplog.text
    assert "± 2 points for all need" in caplog.text
    assert "conservative" in caplog.text
