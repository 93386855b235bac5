import keras
import numpy as np
import pytest
from keras import layers

from cxrnoise.core.errors import UserError
from cxrnoise.networks import architectures
from cxrnoise.networks.samplers import mcbn


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(0, 255, (48, 16, 16, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def model(images):
    keras.utils.set_random_seed(0)
    return architectures.build("small", 16, 0.9)


def test_two_layers_computed_by_hand():
    image = keras.Input((1, 1, 1))
    x = layers.BatchNormalization(scale=False, center=False, epsilon=0.25)(image)
    x = layers.Conv2D(1, 1, use_bias=False)(x)
    x = layers.BatchNormalization(epsilon=0.5)(x)
    x = layers.GlobalAveragePooling2D()(x)
    two = keras.Model(image, layers.Dense(2, activation="softmax")(x))
    kernel, (gamma, beta) = 3.0, (2.0, 0.5)
    two.layers[2].set_weights([np.full((1, 1, 1, 1), kernel)])
    two.layers[3].set_weights([np.array([value]) for value in (gamma, beta, 7.0, 9.0)])
    two.layers[5].set_weights([np.array([[1.0, -1.0]]), np.zeros(2)])
    batch = np.array([1.0, 2.0, 6.0], np.float32)
    tested = np.array([4.0, -1.0], np.float32)

    mean0, variance0 = 3.0, 14 / 3  # of 1, 2, 6: ((-2)² + (-1)² + 3²) / 3
    normalised = (batch - mean0) / np.sqrt(variance0 + 0.25)
    mean1, variance1 = (kernel * normalised).mean(), (kernel * normalised).var()
    y = kernel * (tested - mean0) / np.sqrt(variance0 + 0.25)
    logit = gamma * (y - mean1) / np.sqrt(variance1 + 0.5) + beta
    expected = 1 / (1 + np.exp(-2 * logit))

    sampled = mcbn.MonteCarloBatchNorm(two)
    statistics = sampled.statistics(batch.reshape(3, 1, 1, 1))
    np.testing.assert_allclose(statistics[0], [[mean0], [variance0]], rtol=1e-6)
    np.testing.assert_allclose(statistics[1], [[mean1], [variance1]], rtol=1e-5, atol=1e-6)
    probabilities = sampled.predict(tested.reshape(2, 1, 1, 1), statistics)
    np.testing.assert_allclose(probabilities[:, 0], expected, rtol=1e-5)


def test_a_batch_predicts_itself_as_training_mode_does(model, images):
    sampled = mcbn.MonteCarloBatchNorm(model)
    probabilities = sampled.predict(images, sampled.statistics(images))
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(probabilities, clone(images, training=True), atol=2e-6)


def test_each_finding_of_a_network_of_several_is_sampled(images):
    keras.utils.set_random_seed(0)
    several = architectures.build("small", 16, 0.9, outputs=3, activation="sigmoid")
    sampled = mcbn.MonteCarloBatchNorm(several)
    statistics = [sampled.statistics(images[:8]), sampled.statistics(images[8:24])]
    samples = sampled.samples([images[:5], images[5:]], statistics)
    assert samples.shape == (2, 48, 3) and samples.dtype == np.float32
    assert ((samples > 0) & (samples < 1)).all()
    assert (samples[0] != samples[1]).all()
    clone = keras.models.clone_model(several)
    clone.set_weights(several.get_weights())
    np.testing.assert_allclose(samples[0, :8], clone(images[:8], training=True), atol=2e-6)


def test_uncertainty_vanishes_as_the_batch_grows_to_the_training_set(model, images):
    sampled = mcbn.MonteCarloBatchNorm(model)

    def variance(batch_size):
        positions = mcbn.training_positions(len(images), batch_size, 8, seed=0)
        statistics = [sampled.statistics(images[chosen]) for chosen, _ in positions]
        return sampled.samples([images], statistics).var(axis=0).mean()

    variances = [variance(size) for size in (2, 8, 24, 48)]
    assert variances == sorted(variances, reverse=True)
    assert variances[-1] < 1e-10 < variances[0]


def test_order_and_batching_of_the_images_change_nothing(model, images):
    sampled = mcbn.MonteCarloBatchNorm(model)
    statistics = [sampled.statistics(images[:16]), sampled.statistics(images[16:32])]
    whole = sampled.samples([images], statistics)
    parts = sampled.samples([images[:5], images[5:]], statistics)
    backwards = sampled.samples([images[::-1]], statistics)[:, ::-1]
    np.testing.assert_allclose(parts, whole, atol=1e-6)
    np.testing.assert_allclose(backwards, whole, atol=1e-6)


def test_the_model_is_untouched(model, images):
    before = [weight.copy() for weight in model.get_weights()]
    prediction = model(images[:4]).numpy()
    sampled = mcbn.MonteCarloBatchNorm(model)
    sampled.samples([images], [sampled.statistics(images[:16])])
    for weight, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)
    np.testing.assert_array_equal(model(images[:4]), prediction)


def test_a_sample_is_the_same_whatever_their_number_and_has_no_image_twice():
    three = list(mcbn.training_positions(50, 16, 3, seed=1))
    five = list(mcbn.training_positions(50, 16, 5, seed=1))
    for (chosen, keys), (same, same_keys) in zip(three, five, strict=False):
        np.testing.assert_array_equal(chosen, same)
        assert keys == same_keys
    assert all(len(set(chosen)) == 16 for chosen, _ in five)
    assert len({key for _, keys in five for key in keys}) == 5 * 16


def test_a_batch_larger_than_the_training_split_is_refused():
    with pytest.raises(
        UserError, match="batch of 16 images .*, which has 10: lower uncertainty.batch_size"
    ):
        next(mcbn.training_positions(10, 16, 1, seed=0))
