"""Monte Carlo dropout, and the network that has dropout."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import trainings
from cxrnoise.core.backbones import has_dropout
from cxrnoise.core.errors import UserError
from cxrnoise.networks import architectures, inputs
from cxrnoise.networks.samplers import dropout, mcbn


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(0, 255, (24, 16, 16, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return architectures.build("small-dropout", 16, 0.9)


@pytest.fixture(scope="module")
def network(model):
    return dropout.MonteCarloDropout(model)


@pytest.mark.parametrize("backbone", ["small", "small-dropout", "mobilenetv2", "efficientnetb0"])
def test_the_rules_know_which_networks_have_dropout(backbone):
    built = architectures.build(backbone, 32, 0.9)
    rates = [layer.rate for layer in built.layers if isinstance(layer, layers.Dropout)]
    assert any(rates) == has_dropout(backbone)


def test_one_layer_computed_by_hand():
    image = keras.Input((1, 1, 4))
    x = layers.GlobalAveragePooling2D()(image)
    x = layers.Dropout(0.5)(x)
    one = keras.Model(image, layers.Dense(2, activation="softmax")(x))
    kernel = np.array([[1, -1], [2, 0], [0, 3], [-1, 1]], float)
    one.layers[-1].set_weights([kernel, np.zeros(2)])
    tested = np.array([[1.0, 2.0, 3.0, 4.0]], np.float32)
    sampled = dropout.MonteCarloDropout(one)
    for [mask] in sampled.masks(5, seed=0):
        assert set(mask) <= {0, 2}
        logits = (tested * mask) @ kernel
        expected = np.exp(logits) / np.exp(logits).sum()
        found = sampled.predict(tested.reshape(1, 1, 1, 4), [mask])
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_order_and_batching_of_the_images_change_nothing(network, images):
    masks = network.masks(3, seed=0)
    whole = network.samples([images], masks)
    assert whole.shape == (3, 24, 2) and whole.dtype == np.float32
    parts = network.samples([images[:5], images[5:]], masks)
    backwards = network.samples([images[::-1]], masks)[:, ::-1]
    np.testing.assert_allclose(parts, whole, atol=1e-6)
    np.testing.assert_allclose(backwards, whole, atol=1e-6)
    assert (whole.std(axis=0) > 0).all()


def test_a_sample_is_the_same_whatever_their_number(network):
    for few, many in zip(network.masks(2, seed=1), network.masks(4, seed=1), strict=False):
        for one, other in zip(few, many, strict=True):
            np.testing.assert_array_equal(one, other)
    others = network.masks(2, seed=2)
    assert any((a != b).any() for a, b in zip(network.masks(2, seed=1)[0], others[0], strict=True))


def test_masks_have_the_rate_of_their_layer_and_drop_whole_channels(network):
    first, second, last = (np.array(masks) for masks in zip(*network.masks(300, 0), strict=True))
    assert first.shape[1:] == (1, 1, 16) and second.shape[1:] == (1, 1, 32)
    assert last.shape[1:] == (64,)
    for masks in (first, second, last):
        assert set(np.unique(masks)) == {0, np.float32(1.25)}
        assert (masks == 0).mean() == pytest.approx(0.2, abs=0.02)


def test_samples_are_those_of_keras_in_training_mode_on_the_average(images):
    """Keras draws masks for each image; the mean and the variance of many samples are the same."""
    image = keras.Input((16, 16, 1))
    x = layers.Conv2D(8, 3, strides=4)(layers.Rescaling(1 / 255)(image))
    x = layers.Dropout(0.3, noise_shape=(None, 1, 1, None))(x)
    x = layers.GlobalAveragePooling2D()(x)
    keras.utils.set_random_seed(0)
    plain = keras.Model(image, layers.Dense(2, activation="softmax")(layers.Dropout(0.3)(x)))
    theirs = plain(np.repeat(images[:1], 4000, axis=0), training=True).numpy()
    network = dropout.MonteCarloDropout(plain)
    ours = network.samples([images[:1]], network.masks(2000, seed=0))[:, 0]
    np.testing.assert_allclose(ours.mean(axis=0), theirs.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(ours.std(axis=0), theirs.std(axis=0), rtol=0.1)


def test_a_network_without_dropout_is_refused(images):
    with pytest.raises(UserError, match="small has no dropout.*set network.backbone to small-drop"):
        dropout.MonteCarloDropout(architectures.build("small", 16, 0.9))


def test_the_model_is_untouched(model, images):
    before = [weight.copy() for weight in model.get_weights()]
    prediction = model(images[:4]).numpy()
    network = dropout.MonteCarloDropout(model)
    network.samples([images], network.masks(2, seed=0))
    for weight, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)
    np.testing.assert_array_equal(model(images[:4]), prediction)


def test_monte_carlo_batch_normalisation_leaves_dropout_off(model, images):
    sampled = mcbn.MonteCarloBatchNorm(model)
    first, second = sampled.statistics(images), sampled.statistics(images)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(sampled.predict(images, first), sampled.predict(images, first))


def test_the_network_is_small_with_dropout():
    keras.utils.set_random_seed(0)
    plain = architectures.build("small", 16, 0.9)
    dropping = architectures.build("small-dropout", 16, 0.9)
    assert [w.shape for w in plain.weights] == [w.shape for w in dropping.weights]
    dropping.set_weights(plain.get_weights())
    images = np.random.default_rng(0).uniform(0, 255, (4, 16, 16, 1)).astype(np.float32)
    np.testing.assert_allclose(dropping(images), plain(images), atol=1e-6)
    rates = {layer.rate for layer in dropping.layers if isinstance(layer, layers.Dropout)}
    assert rates == {0.2}


def test_a_killed_training_with_dropout_ends_with_the_same_bits(
    labelled_shard, tmp_path, monkeypatch
):
    tf.config.experimental.enable_op_determinism()
    labels, _, shards, _ = labelled_shard
    images = inputs.Radiographs(labels, shards, crop=16)
    options = {"backbone": "small-dropout"}
    whole, _ = trainings.train(images, tmp_path / "whole", **options)
    killed, _ = trainings.train_with_a_kill(images, tmp_path / "killed", monkeypatch, 2, **options)
    for one, other in zip(whole.get_weights(), killed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
