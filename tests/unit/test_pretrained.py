import hashlib
import logging
from pathlib import Path

import keras
import numpy as np
import pytest
from keras.src.applications import resnet
from keras.src.applications.convnext import LayerScale
from keras.src.legacy.saving import legacy_h5_format

import loopback
from cxrnoise.core.errors import UserError
from cxrnoise.datasets import downloads
from cxrnoise.networks import architectures, weights

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def donor():
    keras.utils.set_random_seed(1)
    return architectures.build("resnet18", 32, 0.9)


@pytest.fixture
def receiver():
    keras.utils.set_random_seed(2)
    return architectures.build("resnet18", 32, 0.9)


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
        missing = weights.load(receiver, tmp_path / "w.npz")
    donor.get_layer("input_normalization").set_weights(
        receiver.get_layer("input_normalization").get_weights()
    )
    assert_same_features(donor, receiver)
    assert "classifier/kernel" in missing
    assert "of no use here: fc.weight" in caplog.text


def test_a_saved_keras_model(tmp_path, donor, receiver):
    donor.save(tmp_path / "w.keras")
    assert weights.load(receiver, tmp_path / "w.keras") == []
    assert_same_features(donor, receiver)


def test_the_h5_files_of_keras_applications(tmp_path, donor, receiver):
    legacy_h5_format.save_model_to_hdf5(donor, tmp_path / "w.h5")
    assert weights.load(receiver, tmp_path / "w.h5") == []
    assert_same_features(donor, receiver)


def test_keras_names_in_npz(tmp_path, donor, receiver):
    arrays = {
        f"{layer.name}/{variable.name}": variable.numpy()
        for layer in donor.layers
        for variable in layer.variables
    }
    np.savez(tmp_path / "w.npz", **arrays)
    assert weights.load(receiver, tmp_path / "w.npz") == []
    assert_same_features(donor, receiver)


def test_weights_without_a_name_of_their_own_are_loaded_too(tmp_path):
    """The layer scales of ConvNeXt."""

    def scaled(value):
        image = keras.Input((4, 4, 3))
        x = keras.layers.Conv2D(3, 1, name="convolution")(image)
        return keras.Model(image, LayerScale(value, 3, name="scale")(x))

    scaled(0.5).save(tmp_path / "w.keras")
    receiver = scaled(1e-6)
    assert weights.load(receiver, tmp_path / "w.keras") == []
    np.testing.assert_array_equal(receiver.get_layer("scale").get_weights(), [[0.5] * 3])


def test_the_order_of_colour_channels_is_of_no_account(tmp_path, donor, receiver):
    arrays = dict(torchvision_names(donor))
    results = []
    for name in ("rgb", "bgr"):
        np.savez(tmp_path / f"{name}.npz", **arrays)
        weights.load(receiver, tmp_path / f"{name}.npz")
        images = np.full((1, 32, 32, 1), 77, np.float32)
        stem = keras.Model(receiver.input, receiver.get_layer("conv1_conv").output)
        results.append(stem(images).numpy())
        arrays["conv1.weight"] = arrays["conv1.weight"][:, ::-1]
    np.testing.assert_allclose(*results, atol=1e-3)


def test_weights_of_another_architecture_are_refused(tmp_path, receiver):
    architectures.build("small", 32, 0.9).save(tmp_path / "w.keras")
    with pytest.raises(UserError, match="of another architecture"):
        weights.load(receiver, tmp_path / "w.keras")


@pytest.mark.parametrize("name", ["w.npz", "w.h5", "w.keras", "w.pth"])
def test_a_file_that_holds_no_weights_is_refused(tmp_path, receiver, name):
    (tmp_path / name).write_bytes(b"nonsense")
    with pytest.raises(UserError, match=name):
        weights.load(receiver, tmp_path / name)


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".keras"])
@pytest.mark.parametrize("share", [0.1, 0.9, 0.999])
def test_a_truncated_weights_file_is_refused(tmp_path, donor, receiver, suffix, share):
    path = tmp_path / f"w{suffix}"
    if suffix == ".npz":
        np.savez(path, **dict(torchvision_names(donor)))
    elif suffix == ".h5":
        legacy_h5_format.save_model_to_hdf5(donor, path)
    else:
        donor.save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match=f"{path} could not be read"):
        weights.load(receiver, path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_weights_file_is_refused(tmp_path, donor, receiver, save):
    path = tmp_path / "w.npz"
    save(path, **dict(torchvision_names(donor)))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"{path} could not be read"):
        weights.load(receiver, path)


def test_the_real_caffe_weights_reach_every_layer_they_have(nih):
    file = nih.parent / "weights" / "resnet50-msra-conv1-to-layer3.npz"
    model = architectures.build("resnet50", 72, 0.9)
    missing = weights.load(model, file)
    kernels = {name.split("_")[0] for name in missing if name.endswith("_conv/kernel")}
    assert kernels == {"conv5"}


# ImageNet

BACKBONE = "mobilenetv3small"  # the smallest
H5 = f"{BACKBONE}-imagenet.h5"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """What the server of Keras Applications has: the weights as a file, and its network."""
    path = tmp_path_factory.mktemp("published") / "w.h5"
    keras.utils.set_random_seed(3)
    model = keras.applications.MobileNetV3Small(include_top=False, weights=None)
    legacy_h5_format.save_model_to_hdf5(model, path)
    return path.read_bytes(), model


@pytest.fixture
def server(monkeypatch, published):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with loopback.serving() as server:
        server.files[H5] = published[0]
        yield server


@pytest.fixture
def table(tmp_path, server, published):
    path = tmp_path / "table.csv"
    checksum = f"md5:{hashlib.md5(published[0]).hexdigest()}"
    path.write_text(f"kind,file,url,bytes,checksum\nweights,{H5},{server.url(H5)},,{checksum}\n")
    return path


@pytest.fixture
def target(tmp_path):
    return tmp_path / "weights" / f"{BACKBONE}-imagenet.keras"


def test_imagenet_weights_are_fetched_and_start_our_network(server, table, target, published):
    server.faults = [loopback.moved]
    weights.fetch_imagenet(BACKBONE, table, target)
    fetched = keras.saving.load_model(target)
    for one, other in zip(fetched.get_weights(), published[1].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    ours = architectures.build(BACKBONE, 64, 0.9)
    missing = {name.split("/")[0] for name in weights.load(ours, target)}
    assert missing == {"input_normalization", "classifier"}
    assert {path.name for path in target.parent.iterdir()} == {target.name, H5}


def test_imagenet_weights_with_a_wrong_checksum_are_not_used(server, table, target):
    server.faults = [loopback.wrong_bytes]
    with pytest.raises(UserError, match=f"{H5} from .* expected md5:.* found md5:"):
        weights.fetch_imagenet(BACKBONE, table, target)
    assert [path.name for path in target.parent.iterdir()] == [f"{H5}.wrong"]
    weights.fetch_imagenet(BACKBONE, table, target)
    assert target.exists()


def test_imagenet_weights_that_a_user_put_there_need_no_server(server, table, target, published):
    target.parent.mkdir()
    target.with_name(H5).write_bytes(published[0])
    weights.fetch_imagenet(BACKBONE, table, target)
    assert target.exists()
    assert server.asked == []


def test_a_full_disk_leaves_no_half_of_the_imagenet_weights(table, target, published, full_disk):
    target.parent.mkdir()
    target.with_name(H5).write_bytes(published[0])
    with full_disk(100_000), pytest.raises(UserError, match=f"{target} could not be written"):
        weights.fetch_imagenet(BACKBONE, table, target)
    assert [path.name for path in target.parent.iterdir()] == [H5]


@pytest.mark.parametrize("backbone", ["small", "resnet18", "resnet51"])
def test_a_backbone_without_imagenet_weights_is_named(table, tmp_path, backbone):
    with pytest.raises(UserError, match=f"no ImageNet weights for the backbone {backbone}"):
        weights.fetch_imagenet(backbone, table, tmp_path / "w.keras")
    assert list(tmp_path.iterdir()) == [table]


def test_a_backbone_that_the_table_lacks_is_named(table, tmp_path):
    with pytest.raises(UserError, match="table.csv has no mobilenetv2-imagenet.h5: add its row"):
        weights.fetch_imagenet("mobilenetv2", table, tmp_path / "mobilenetv2-imagenet.keras")
    assert list(tmp_path.iterdir()) == [table]


def test_the_table_has_the_weights_that_keras_would_fetch():
    for file in downloads.read(ROOT / "config/chestxray14-files.csv").values():
        if file.kind == downloads.WEIGHTS:
            assert file.name.removesuffix("-imagenet.h5") in architectures.backbones()
    assert f"md5:{resnet.WEIGHTS_HASHES['resnet50'][1]}" in file_of("resnet50").checksums
    assert file_of("resnet50").url.startswith(resnet.BASE_WEIGHTS_PATH)


def file_of(backbone):
    return downloads.read(ROOT / "config/chestxray14-files.csv")[f"{backbone}-imagenet.h5"]
