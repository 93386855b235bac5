"""Features of images from a network that is not trained further."""

import keras
import numpy as np
import pytest

from cxrnoise.core.errors import UserError
from cxrnoise.networks import architectures, features, weights

CROP = 12
PIXELS = np.random.default_rng(0).integers(0, 256, (5, 16, 16), dtype=np.uint8)


def network(seed=0, crop=CROP, outputs=2):
    keras.utils.set_random_seed(seed)
    return architectures.build("small", crop, 0.9, outputs)


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory):
    """Weights of another task, which lack the input normalisation and the classifier."""
    model = network()
    arrays = {
        f"{layer.name}/{variable.name}": variable.numpy()
        for layer in model.layers
        for variable in layer.variables
        if layer.name not in ("input_normalization", "classifier")
    }
    path = tmp_path_factory.mktemp("weights") / "small.npz"
    np.savez(path, **arrays)
    return path


def frozen(path, crop=CROP, names=None):
    model, missing = features.frozen("small", crop, weights.read(path))
    return model, features.extractor(model, missing, names)


def of(extractor, pixels=PIXELS, mirrored=False, batch_size=2, crop=CROP):
    return features.of_images(extractor, pixels, crop, mirrored, batch_size)


def test_each_layer_gives_the_average_and_the_maximum_of_its_channels(imagenet):
    names = ["layer1.0", "layer3.0"]
    model, extractor = frozen(imagenet, names=names)
    found = of(extractor)
    maps = keras.Model(model.inputs, [model.get_layer(name).output for name in names])
    outputs = maps.predict(PIXELS[:, 2:14, 2:14, None].astype(np.float32), verbose=0)
    pooled = [pool(output, axis=(1, 2)) for output in outputs for pool in (np.mean, np.max)]
    assert found.dtype == np.float32 and found.shape == (5, 2 * 16 + 2 * 64)
    assert np.allclose(found, np.concatenate(pooled, axis=1), atol=1e-5)


def test_without_names_the_last_layers_of_the_two_deepest_resolutions_are_pooled(imagenet):
    model, extractor = frozen(imagenet)
    assert features.deepest(model) == ["layer3.0", "layer2.0"]
    assert extractor.output_shape == (None, 2 * 64 + 2 * 32)


@pytest.mark.parametrize(
    ("backbone", "expected"),
    [
        ("resnet50v1.5", ["layer4.2", "layer3.5", "layer2.3"]),
        ("resnet50", ["conv5_block3_out", "conv4_block6_out", "conv3_block4_out"]),
        ("densenet121", ["relu", "pool4_conv", "pool3_conv"]),
        ("efficientnetb0", ["top_activation", "block6a_expand_activation"]),
    ],
)
def test_the_layers_lie_where_nothing_leads_past_them(backbone, expected):
    model = architectures.build(backbone, 64, 0.9)
    assert features.deepest(model, len(expected)) == expected


def test_the_network_of_photographs_sees_their_grey_values(imagenet):
    model, _ = frozen(imagenet)
    normalisation = keras.Model(model.inputs, model.get_layer("input_normalization").output)
    grey = np.array([116, 116 + 58, 0], np.float32).reshape(3, 1, 1, 1)
    seen = normalisation.predict(np.tile(grey, (1, CROP, CROP, 1)), verbose=0)
    assert seen[:, 0, 0, 0] == pytest.approx([0, 1, -2], abs=1e-3)


def test_a_network_of_this_workflow_keeps_its_normalisation_and_takes_another_crop(tmp_path):
    model = network(outputs=16)
    moments = [np.array([90.0]), np.array([400.0])]
    model.get_layer("input_normalization").set_weights(moments)
    model.save(tmp_path / "model.keras")
    made, extractor = frozen(tmp_path / "model.keras", crop=16)
    assert made.get_layer("input_normalization").get_weights() == moments
    assert of(extractor, crop=16).shape == (5, 192)


def test_neither_batches_nor_other_images_change_the_features_of_an_image(imagenet):
    _, extractor = frozen(imagenet)
    whole = of(extractor, batch_size=5)
    assert np.allclose(of(extractor, batch_size=2), whole, atol=1e-5)
    assert np.allclose(of(extractor, PIXELS[3:4]), whole[3:4], atol=1e-5)


def test_mirrored_features_are_those_of_mirrored_images(imagenet):
    _, extractor = frozen(imagenet)
    mirrored = of(extractor, mirrored=True)
    assert np.allclose(mirrored, of(extractor, PIXELS[:, :, ::-1]), atol=1e-6)
    assert not np.allclose(mirrored, of(extractor), atol=1e-3)


def test_a_shard_without_images_has_no_features(imagenet):
    _, extractor = frozen(imagenet)
    assert of(extractor, PIXELS[:0]).shape == (0, 192)


def test_layers_whose_weights_are_missing_are_refused(imagenet, tmp_path):
    arrays = dict(np.load(imagenet))
    del arrays["layer3.0.conv2/kernel"]
    np.savez(tmp_path / "part.npz", **arrays)
    with pytest.raises(UserError, match=r"weights lack layer3.0.conv2/kernel .* probe.layers"):
        frozen(tmp_path / "part.npz")
    _, extractor = frozen(tmp_path / "part.npz", names=["layer2.0"])
    assert extractor.output_shape == (None, 64)


def test_a_layer_that_does_not_exist_is_refused_with_what_may_be_meant(imagenet):
    with pytest.raises(UserError, match=r"probe.layers names layer2.1, .* you may mean layer2.0"):
        frozen(imagenet, names=["layer2.1"])
    with pytest.raises(UserError, match="probe.layers names avg_pool"):
        frozen(imagenet, names=["avg_pool"])
