"""Test-time augmentation: varied views of each image."""

import keras
import numpy as np
import pytest

from cxrnoise.core import manifests
from cxrnoise.networks import architectures, inputs
from cxrnoise.networks.samplers import augmented

INCEPTION = {"rotation": 7, "scale": 0.7, "aspect": 4 / 3}


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return architectures.build("small", 12, 0.9)


def varied(labelled_shard, kind="situs", augmentation=None, images=slice(None)):
    """The 24 images as they are varied; `images` are their rows, in any order."""
    labels, path, shards, _ = labelled_shard
    manifests.write(labels.iloc[images], path, "labels", "{}")
    return inputs.Source(path, shards, kind, 12, augmentation).varied(["train"])


@pytest.mark.parametrize("augmentation", [None, INCEPTION])
def test_order_and_batching_of_the_images_change_nothing(labelled_shard, model, augmentation):
    images = varied(labelled_shard, augmentation=augmentation)
    whole = augmented.samples(model, images, views=3, seed=0, batch_size=24)
    assert whole.shape == (3, 24, 2) and whole.dtype == np.float32
    parts = augmented.samples(model, images, views=3, seed=0, batch_size=7)
    np.testing.assert_allclose(parts, whole, atol=1e-6)
    backwards = varied(labelled_shard, augmentation=augmentation, images=slice(None, None, -1))
    again = augmented.samples(model, backwards, views=3, seed=0, batch_size=7)
    np.testing.assert_allclose(again[:, ::-1], whole, atol=1e-6)


def test_views_differ_and_do_not_depend_on_their_number(labelled_shard, model):
    images = varied(labelled_shard)
    five = augmented.samples(model, images, views=5, seed=0, batch_size=24)
    np.testing.assert_array_equal(
        augmented.samples(model, images, views=2, seed=0, batch_size=24), five[:2]
    )
    assert (five.std(axis=0) > 0).all()
    other = augmented.samples(model, images, views=5, seed=1, batch_size=24)
    assert (other != five).mean() > 0.9


@pytest.mark.parametrize("kind", ["situs", "orientation", "finding"])
def test_a_task_without_augmentation_is_varied_mildly(labelled_shard, kind):
    images = varied(labelled_shard, kind)
    shown, target = images.training_batch(np.arange(24), 0, range(24))
    pixels = labelled_shard[3].copy()
    pixels[1::2] = pixels[1::2, :, ::-1]  # every second image is mirrored for the network
    np.testing.assert_array_equal(shown, inputs.MILD(pixels, target, 0, range(24), 12)[0])
    np.testing.assert_array_equal(target, images.target)


def test_views_are_never_mirrored_nor_turned_by_more_than_some_degrees():
    keys = [f"view {view}" for view in range(200)]
    for variation in (inputs.MILD, inputs.Augmentation(**INCEPTION)):
        transforms = variation.transforms(0, keys, 16, 12)
        across, down = transforms[:, [0, 3]], transforms[:, [1, 4]]
        assert (across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0] > 0).all()
        assert np.degrees(np.abs(np.arctan2(across[:, 1], across[:, 0]))).max() < 7 * 4 / 3 + 1


def test_a_mild_view_is_the_crop_that_the_network_knows_moved_a_little():
    resting = inputs.Jitter(rotation=0, scale=1, shift=0)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 16), dtype=np.uint8)
    shown, _ = resting(pixels, np.zeros(3), 0, range(3), 12)
    np.testing.assert_array_equal(shown, inputs.central(pixels, 12))
    ramp = np.broadcast_to(np.arange(0, 240, 1, np.uint8), (400, 240, 240))
    for axis in (0, 1):
        moved, _ = inputs.MILD(np.moveaxis(ramp, 2, 2 - axis), np.zeros(400), 0, range(400), 144)
        middle = moved[:, 71:73, 71:73, 0].mean(axis=(1, 2)) - 119.5
        assert 3 < np.abs(middle).max() < 5.5  # of 240 pixels: 2 %
        assert abs(middle.mean()) < 0.5
