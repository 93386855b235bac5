import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrnoise.core.errors import UserError
from cxrnoise.tasks import noise

LEVELS = (0, 1, 2, 4, 8, 16, 32, 50)


def cohort(images=4000):
    names = [f"{number:08d}_000.png" for number in range(images)]
    mirrored = np.arange(images) % 2 == 1
    return pd.DataFrame(
        {
            "image": names,
            "patient": names,
            "split": np.array(["train", "val", "test", "test"])[np.arange(images) % 4],
            "mirrored": mirrored,
            "true_label": mirrored.astype(np.int8),
            "reported_label": mirrored.astype(np.int8),
        }
    )


def index(frame):
    return pd.DataFrame({"image": frame["image"], "shard": 0, "row": range(len(frame))})


def labels(percent, splits=("train", "val", "test"), seed=0, frame=None):
    frame = cohort() if frame is None else frame
    return pd.concat(noise.labels([frame], [index(frame)], percent, splits, seed))


@given(st.sampled_from(LEVELS), st.sampled_from(LEVELS), st.integers(0, 3))
def test_levels_are_nested(one, other, seed):
    low, high = sorted((one, other))
    fewer, more = labels(low, seed=seed)["flipped"], labels(high, seed=seed)["flipped"]
    assert not (fewer & ~more).any()


@pytest.mark.parametrize("percent", LEVELS)
def test_the_realised_rate_is_a_binomial_draw_around_the_nominal_one(percent):
    flipped = labels(percent)["flipped"].sum()
    expected, spread = 40 * percent, np.sqrt(4000 * percent / 100 * (1 - percent / 100))
    assert abs(flipped - expected) <= 4 * spread


@given(st.sets(st.sampled_from(["train", "val", "test"])))
def test_noise_stays_in_the_splits_that_are_to_be_noisy(splits):
    manifest = labels(50, splits)
    assert set(manifest.loc[manifest["flipped"], "split"]) == splits


@given(st.integers(1, 3999))
def test_another_image_changes_no_other_flip(images):
    whole = labels(32)
    part = labels(32, frame=cohort().iloc[:images])
    pd.testing.assert_series_equal(part["flipped"], whole["flipped"].iloc[:images])


def test_a_flipped_label_is_the_other_one_and_another_seed_flips_others():
    manifest = labels(16)
    assert ((manifest["given_label"] != manifest["true_label"]) == manifest["flipped"]).all()
    assert not manifest["flipped"].equals(labels(16, seed=1)["flipped"])


def test_what_was_flipped_is_counted_per_split():
    manifest = labels(8)
    counted = noise.counts([manifest]).set_index("split")
    assert list(counted.index) == ["train", "val", "test"]
    assert counted["flipped"].sum() == manifest["flipped"].sum()
    assert counted.loc["test", "images"] == 2000


def test_an_image_of_the_cohort_that_is_in_no_shard_is_named():
    frame = cohort(8)
    with pytest.raises(UserError, match="image 00000007_000.png of the cohort is in no shard"):
        list(noise.labels([frame], [index(frame).iloc[:7]], 0, (), 0))
