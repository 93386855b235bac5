import re
from pathlib import Path

import keras
import numpy as np
import pytest

from cxrnoise.core import settings
from cxrnoise.core.errors import UserError
from cxrnoise.networks import architectures

SCHEMA = Path(__file__).parents[2] / "workflow/schemas/config.schema.yaml"


@pytest.fixture(scope="module")
def resnet50():
    return architectures.build("resnet50", 72, 0.9)


def test_the_papers_network(resnet50):
    normalization = architectures.batch_normalizations(resnet50)[0]
    assert not normalization.scale
    assert not normalization.center
    assert resnet50.output_shape == (None, 2)
    assert {layer.momentum for layer in architectures.batch_normalizations(resnet50)} == {0.9}
    assert len(architectures.batch_normalizations(resnet50)) == 54
    classifier = resnet50.get_layer("classifier")
    assert isinstance(classifier.kernel_initializer, keras.initializers.GlorotUniform)


def test_grey_reaches_the_pretrained_stem_in_three_channels_and_its_range(resnet50):
    images = np.random.default_rng(0).uniform(0, 255, (8, 72, 72, 1)).astype(np.float32)
    normalization = resnet50.get_layer("input_normalization")
    normalization.moving_mean.assign([images.mean()])
    normalization.moving_variance.assign([images.var()])
    stem = keras.Model(resnet50.input, resnet50.get_layer("expected_range").output)(images).numpy()
    assert stem.shape[-1] == 3
    assert np.ptp(stem, axis=-1).max() == 0
    assert stem.std() == pytest.approx(architectures.IMAGENET_STD, rel=1e-3)


@pytest.mark.parametrize("backbone", ["small", "resnet18", "mobilenetv2"])
def test_backbones_by_name(backbone):
    model = architectures.build(backbone, 64, 0.9)
    probabilities = model(np.zeros((2, 64, 64, 1), np.float32)).numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_every_backbone_that_the_configuration_names_is_known():
    described = dict(settings.keys(settings.load_schema(SCHEMA)))["network.backbone"]["description"]
    named = set(re.findall("`(.*?)`", described)) - {"keras.applications"}
    assert len(named) > 3
    assert named <= set(architectures.backbones())


def test_an_input_too_small_for_the_backbone_is_refused():
    with pytest.raises(UserError, match="network.backbone vgg16 cannot take 16 pixels"):
        architectures.build("vgg16", 16, 0.9)


def test_a_saved_network_is_loaded_by_keras_alone(tmp_path):
    model = architectures.build("small", 32, 0.9)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    images = np.ones((1, 32, 32, 1), np.float32)
    np.testing.assert_array_equal(loaded(images), model(images))


def test_an_unknown_backbone_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match="network.backbone is 'resnet51'.*resnet50"):
        architectures.build("resnet51", 64, 0.9)


def test_fused_batch_normalisation_trains_as_that_of_keras():
    keras.utils.set_random_seed(0)
    plain = architectures.build("small", 32, 0.9)
    fused = architectures.with_batch_norm(plain, architectures.FusedBatchNormalization)
    images = np.random.default_rng(0).uniform(0, 255, (8, 32, 32, 1)).astype(np.float32)
    for model in (plain, fused):
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(images, np.arange(8) % 2, batch_size=4, epochs=2, shuffle=False, verbose=0)
    for one, other in zip(plain.get_weights(), fused.get_weights(), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-4)
    back = architectures.with_batch_norm(fused, keras.layers.BatchNormalization)
    assert {type(layer) for layer in back.layers} == {type(layer) for layer in plain.layers}
    np.testing.assert_allclose(back(images), fused(images), atol=1e-5)
