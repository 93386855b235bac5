import logging

import keras
import numpy as np
import pytest

from cxrnoise import network, pretrained
from cxrnoise.errors import UserError


@pytest.fixture(scope="module")
def donor():
    keras.utils.set_random_seed(1)
    return network.build("resnet18", 32, 0.9)


@pytest.fixture
def receiver():
    keras.utils.set_random_seed(2)
    return network.build("resnet18", 32, 0.9)


def torchvision_names(model):
    """Give the arrays of our ResNet-18 the names and axes of torchvision's."""
    variables = {"kernel": "weight", "gamma": "weight", "beta": "bias"}
    variables |= {"moving_mean": "running_mean", "moving_variance": "running_var"}
    for layer in model.layers:
        if not layer.name.startswith("conv") or not layer.variables:
            continue
        block, _, part = layer.name.rpartition("_")
        if block == "conv1":
            name = "conv1" if part == "conv" else "bn1"
        else:
            stage, unit, number = block.removeprefix("conv").split("_")
            unit = unit.removeprefix("block")
            name = f"{part}{number}" if number != "0" else f"downsample.{int(part == 'bn')}"
            name = f"layer{int(stage) - 1}.{int(unit) - 1}.{name}"
        for variable in layer.variables:
            array = variable.numpy()
            array = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
            yield f"{name}.{variables[variable.name]}", array


def assert_same_features(one, other):
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 1)).astype(np.float32)
    features = [
        keras.Model(model.input, model.get_layer("avg_pool").output)(images).numpy()
        for model in (one, other)
    ]
    np.testing.assert_array_equal(*features)


def test_torchvision_names_and_axes(tmp_path, donor, receiver, caplog):
    np.savez(tmp_path / "w.npz", **dict(torchvision_names(donor)), **{"fc.weight": np.zeros(3)})
    with caplog.at_level(logging.INFO):
        missing = pretrained.load(receiver, tmp_path / "w.npz")
    donor.get_layer("input_normalization").set_weights(
        receiver.get_layer("input_normalization").get_weights()
    )
    assert_same_features(donor, receiver)
    assert "classifier/kernel" in missing
    assert "of no use here: fc.weight" in caplog.text


def test_a_saved_keras_model(tmp_path, donor, receiver):
    donor.save(tmp_path / "w.keras")
    assert pretrained.load(receiver, tmp_path / "w.keras") == []
    assert_same_features(donor, receiver)


def test_the_h5_files_of_keras_applications(tmp_path, donor, receiver):
    from keras.src.legacy.saving import legacy_h5_format

    legacy_h5_format.save_model_to_hdf5(donor, tmp_path / "w.h5")
    assert pretrained.load(receiver, tmp_path / "w.h5") == []
    assert_same_features(donor, receiver)


def test_keras_names_in_npz(tmp_path, donor, receiver):
    arrays = {
        f"{layer.name}/{variable.name}": variable.numpy()
        for layer in donor.layers
        for variable in layer.variables
    }
    np.savez(tmp_path / "w.npz", **arrays)
    assert pretrained.load(receiver, tmp_path / "w.npz") == []
    assert_same_features(donor, receiver)


def test_the_order_of_colour_channels_is_of_no_account(tmp_path, donor, receiver):
    arrays = dict(torchvision_names(donor))
    results = []
    for name in ("rgb", "bgr"):
        np.savez(tmp_path / f"{name}.npz", **arrays)
        pretrained.load(receiver, tmp_path / f"{name}.npz")
        images = np.full((1, 32, 32, 1), 77, np.float32)
        stem = keras.Model(receiver.input, receiver.get_layer("conv1_conv").output)
        results.append(stem(images).numpy())
        arrays["conv1.weight"] = arrays["conv1.weight"][:, ::-1]
    np.testing.assert_allclose(*results, atol=1e-3)


def test_weights_of_another_architecture_are_refused(tmp_path, receiver):
    network.build("small", 32, 0.9).save(tmp_path / "w.keras")
    with pytest.raises(UserError, match="of another architecture"):
        pretrained.load(receiver, tmp_path / "w.keras")


@pytest.mark.parametrize("name", ["w.npz", "w.h5", "w.keras", "w.pth"])
def test_a_file_that_holds_no_weights_is_refused(tmp_path, receiver, name):
    (tmp_path / name).write_bytes(b"nonsense")
    with pytest.raises(UserError, match=name):
        pretrained.load(receiver, tmp_path / name)


def test_the_real_caffe_weights_reach_every_layer_they_have(nih):
    weights = nih.parent / "weights" / "resnet50-msra-conv1-to-layer3.npz"
    model = network.build("resnet50", 72, 0.9)
    missing = pretrained.load(model, weights)
    kernels = {name.split("_")[0] for name in missing if name.endswith("_conv/kernel")}
    assert kernels == {"conv5"}
