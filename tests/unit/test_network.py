import hashlib
import re
import sys

import keras
import numpy as np
import pytest
from keras.src.applications import efficientnet, imagenet_utils
from keras.src.models import Functional

from cxrnoise.core.errors import UserError
from cxrnoise.core.settings.models import Network
from cxrnoise.networks import architectures, weights


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


@pytest.mark.parametrize(
    ("backbone", "size", "digest"),
    [("small", 60, "812fa2bb00cbd765"), ("resnet50", 144, "e6a17ebd5d81becb")],
)
def test_a_seed_gives_the_same_untrained_network_as_ever(backbone, size, digest):
    """Otherwise the demo and old runs could not be repeated."""
    keras.utils.set_random_seed(3)
    model = architectures.build(backbone, size, 0.99)
    found = hashlib.sha256(b"".join(array.tobytes() for array in model.get_weights()))
    assert found.hexdigest()[:16] == digest


GREY = np.array([0.0, 116, 255], np.float32)  # 116 is the mean of ImageNet, 58 its deviation


def of_grey(preprocess):
    """The mean over the channels that `preprocess` makes of `GREY`."""
    return preprocess(np.repeat(GREY, 3).reshape(1, 1, 3, 3)).mean(axis=-1).ravel()


@pytest.mark.parametrize(
    "backbone", sorted(set(architectures.backbones()) - {*architectures.RESNETS})
)
def test_networks_of_keras_get_what_their_preprocess_input_makes(backbone):
    application = getattr(keras.applications, architectures.backbones()[backbone])
    if backbone.startswith("efficientnetb"):  # its layers do it, see the next test
        theirs = of_grey(lambda image: imagenet_utils.preprocess_input(image, mode="torch"))
    else:
        theirs = of_grey(sys.modules[application.__module__].preprocess_input)
    scale, offset = architectures.INPUTS[architectures.expected_input(backbone)]
    ours = scale * (GREY - 116) / 58 + offset
    np.testing.assert_allclose(ours, theirs, atol=0.05 * scale)


def stem_input(model):
    return keras.Model(model.input, model.get_layer("stem_conv_pad").input)


def test_efficientnet_gets_what_keras_makes_with_its_own_download(monkeypatch, tmp_path):
    monkeypatch.setattr(efficientnet.file_utils, "get_file", lambda *_, **__: None)
    with monkeypatch.context() as context:
        context.setattr(Functional, "load_weights", lambda *_: None)
        theirs = keras.applications.EfficientNetB0(include_top=False, input_shape=(32, 32, 3))
    normalization = next(x for x in theirs.layers if isinstance(x, keras.layers.Normalization))
    normalization.adapt_mean.assign([0.485, 0.456, 0.406])
    normalization.adapt_variance.assign(efficientnet.IMAGENET_STDDEV_RGB)  # as in the download
    normalization.finalize_state()
    theirs.save(tmp_path / "w.keras")
    ours = architectures.build("efficientnetb0", 32, 0.9)
    weights.load(ours, weights.read(tmp_path / "w.keras"))
    statistics = ours.get_layer("input_normalization")
    statistics.moving_mean.assign([116.0])
    statistics.moving_variance.assign([58.0**2])
    ours = architectures.with_batch_norm(ours, architectures.FusedBatchNormalization)
    images = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 1)).astype(np.float32)
    made = stem_input(theirs)(np.repeat(images, 3, axis=-1)).numpy().mean(axis=-1)
    np.testing.assert_allclose(stem_input(ours)(images).numpy().mean(axis=-1), made, atol=0.05)


def test_grey_reaches_the_pretrained_stem_in_three_channels_and_its_range(resnet50):
    images = np.random.default_rng(0).uniform(0, 255, (8, 72, 72, 1)).astype(np.float32)
    normalization = resnet50.get_layer("input_normalization")
    normalization.moving_mean.assign([images.mean()])
    normalization.moving_variance.assign([images.var()])
    stem = keras.Model(resnet50.input, resnet50.get_layer("expected_range").output)(images).numpy()
    assert stem.shape[-1] == 3
    assert np.ptp(stem, axis=-1).max() == 0
    assert stem.std() == pytest.approx(58, rel=1e-3)


def test_torchxrayvision_gets_its_own_range():
    scale, offset = architectures.INPUTS["xrv"]
    ours = scale * (GREY - 116) / 58 + offset
    np.testing.assert_allclose(ours, (2 * GREY / 255 - 1) * 1024, atol=1e-2)


def test_findings_have_a_sigmoid_each():
    model = architectures.build("small", 32, 0.9, outputs=4, activation="sigmoid")
    model.get_layer("classifier").bias.assign([20, 20, -20, -20])
    probabilities = model(np.zeros((1, 32, 32, 1), np.float32)).numpy()
    np.testing.assert_allclose(probabilities, [[1, 1, 0, 0]], atol=1e-6)


@pytest.mark.parametrize("backbone", ["small", "resnet18", "resnet50v1.5", "mobilenetv2"])
def test_backbones_by_name(backbone):
    model = architectures.build(backbone, 64, 0.9)
    probabilities = model(np.zeros((2, 64, 64, 1), np.float32)).numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_every_backbone_that_the_configuration_names_is_known():
    described = Network.model_fields["backbone"].description
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
