import logging
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import safetensors.numpy
from keras.src.applications.convnext import LayerScale
from keras.src.legacy.saving import legacy_h5_format

import torch_activations
from cxrnoise.core.errors import UserError
from cxrnoise.networks import architectures, weights

DATA = Path(__file__).parents[1] / "data"


def caffe_file(nih):
    return nih.parent / "weights" / "resnet50-msra-conv1-to-layer3.npz"


@pytest.fixture(scope="module")
def donor():
    keras.utils.set_random_seed(1)
    return architectures.build("resnet18", 32, 0.9)


@pytest.fixture
def receiver():
    keras.utils.set_random_seed(2)
    return architectures.build("resnet18", 32, 0.9)


def assert_same_features(one, other):
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 1)).astype(np.float32)
    features = [
        keras.Model(model.input, model.get_layer("avg_pool").output)(images).numpy()
        for model in (one, other)
    ]
    np.testing.assert_array_equal(*features)


@pytest.fixture(scope="module")
def computed():
    """What PyTorch computed, see `torch_activations`."""
    return np.load(DATA / "torch_activations.npz")


def write(path, arrays):
    if path.suffix == ".safetensors":
        safetensors.numpy.save_file(arrays, path)
    else:
        np.savez(path, **arrays)
    return path


def assert_computes(network, computed, path):
    """Assert that the network of a file has the features that its program computed, to 1e-4."""
    used = torch_activations.NETWORKS[network]
    pretrained = weights.read(path, used.weights_input)
    model = architectures.build(used.backbone, 64, 0.9, expects=pretrained.expects)
    missing = weights.load(model, pretrained)
    layers = {name.split("/")[0] for name in missing if not name.endswith("_conv/bias")}
    assert layers == {"input_normalization", "classifier"}
    normalization = model.get_layer("input_normalization")
    normalization.moving_variance.assign([1 - normalization.epsilon])  # the images have one of 1
    features = keras.Model(model.input, model.get_layer("classifier").input)
    ours = features(torch_activations.images()).numpy()[:, :: torch_activations.EVERY]
    theirs = computed[network]
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * theirs.std())


@pytest.mark.parametrize("network", torch_activations.NETWORKS)
def test_a_network_computes_what_its_program_computes_with_the_same_weights(
    tmp_path, computed, network
):
    """Both versions of ResNet-50 among them: names, strides, padding, epsilon and input range.

    `tests/torch_activations.py` made the numbers, with torchvision, transformers, torchxrayvision.
    """
    arrays = torch_activations.state_dict(network, computed)
    assert_computes(network, computed, write(tmp_path / "w.safetensors", arrays))


def test_a_densenet_with_old_names_and_a_prefix_computes_the_same(tmp_path, computed):
    """As old files of CheXNet have them, beside the settings of an optimiser's average."""
    network = "torchvision densenet121"
    arrays = {
        "module.densenet121." + re.sub(r"(denselayer\d+\.(?:norm|conv))", r"\1.", name): array
        for name, array in torch_activations.state_dict(network, computed).items()
    }
    assert "module.densenet121.features.denseblock1.denselayer1.norm.1.weight" in arrays
    assert_computes(network, computed, write(tmp_path / "w.npz", arrays | {"decay": np.ones(())}))


def test_torchvisions_resnet50_does_not_get_into_version_1(tmp_path, computed):
    arrays = torch_activations.state_dict("torchvision resnet50", computed)
    path = write(tmp_path / "w.safetensors", arrays)
    model = architectures.build("resnet50", 64, 0.9)
    with pytest.raises(UserError, match="set network.backbone to resnet50v1.5.* or weights_input"):
        weights.load(model, weights.read(path))


def test_version_1_does_not_get_into_torchvisions_resnet50(tmp_path, nih):
    model = architectures.build("resnet50v1.5", 64, 0.9)
    with pytest.raises(UserError, match="set network.backbone to resnet50,"):
        weights.load(model, weights.read(caffe_file(nih)))
    architectures.build("resnet50", 64, 0.9).save(tmp_path / "w.keras")
    with pytest.raises(UserError, match="set network.backbone to resnet50,"):
        weights.load(model, weights.read(tmp_path / "w.keras"))


def test_a_deeper_network_of_the_same_names_is_refused(tmp_path, computed):
    arrays = torch_activations.state_dict("torchvision resnet18", computed)
    arrays["layer1.2.conv1.weight"] = arrays["layer1.1.conv1.weight"]  # as ResNet-34 has
    path = write(tmp_path / "w.npz", arrays)
    with pytest.raises(UserError, match="20 of its 20 .* such as layer1.2.conv1: change network.b"):
        weights.load(architectures.build("resnet18", 32, 0.9), weights.read(path))


def test_caffes_weights_are_known_by_their_names(nih):
    assert weights.read(caffe_file(nih)).expects == "caffe"
    with pytest.raises(UserError, match="are Caffe's and weights_input is torch: set weights_inp"):
        weights.read(caffe_file(nih), "torch")


def test_a_grey_network_is_loaded_when_its_input_is_stated(tmp_path, computed):
    """torchxrayvision's DenseNet has one channel."""
    arrays = torch_activations.state_dict("torchxrayvision densenet121", computed)
    grey = arrays["features.conv0.weight"]
    path = write(tmp_path / "w.safetensors", arrays)
    with pytest.raises(UserError, match="set weights_input to .* for torchxrayvision to xrv"):
        weights.read(path)
    pretrained = weights.read(path, "xrv")
    model = architectures.build("densenet121", 32, 0.9, expects=pretrained.expects)
    weights.load(model, pretrained)
    kernel = model.get_layer("conv1_conv").kernel.numpy()
    np.testing.assert_allclose(kernel.sum(axis=2), grey.transpose(2, 3, 1, 0)[:, :, 0], atol=1e-6)


def test_a_classifier_of_pytorch_is_not_taken_for_ours(tmp_path, computed):
    """It may be of as many labels, in another order."""
    arrays = torch_activations.state_dict("torchvision densenet121", computed)
    path = write(tmp_path / "w.npz", arrays)
    model = architectures.build("densenet121", 32, 0.9, outputs=1000)
    assert "classifier/kernel" in weights.load(model, weights.read(path))


@pytest.mark.parametrize("expects", ["torch", "tf", None])
def test_a_network_of_ours_says_what_it_expects(tmp_path, expects):
    architectures.build("resnet50", 32, 0.9, expects=expects).save(tmp_path / "w.keras")
    assert weights.read(tmp_path / "w.keras").expects == (expects or "caffe")
    assert weights.read(tmp_path / "w.keras", "raw").expects == "raw"


def test_a_classifier_of_other_labels_stays_as_initialised(tmp_path, donor):
    donor.save(tmp_path / "w.keras")
    receiver = architectures.build("resnet18", 32, 0.9, outputs=14, activation="sigmoid")
    missing = weights.load(receiver, weights.read(tmp_path / "w.keras"))
    assert set(missing) == {"classifier/kernel", "classifier/bias"}


def test_the_log_says_what_was_not_loaded(tmp_path, computed, receiver, caplog):
    path = write(tmp_path / "w.npz", torch_activations.state_dict("torchvision resnet18", computed))
    with caplog.at_level(logging.INFO):
        weights.load(receiver, weights.read(path))
    assert "left as initialised: classifier/bias, classifier/kernel, input_norm" in caplog.text
    assert "of no use here: fc/bias, fc/kernel" in caplog.text


def test_a_saved_keras_model(tmp_path, donor, receiver):
    donor.save(tmp_path / "w.keras")
    assert weights.load(receiver, weights.read(tmp_path / "w.keras")) == []
    assert_same_features(donor, receiver)


def test_a_network_within_a_saved_keras_model(tmp_path, donor, receiver):
    """As `Sequential([DenseNet121(…), BatchNormalization(), …])` has it."""
    own = [keras.layers.BatchNormalization(), keras.layers.Dense(3, name="labels")]
    whole = keras.Sequential([donor, *own])
    whole.save(tmp_path / "w.keras")
    assert weights.load(receiver, weights.read(tmp_path / "w.keras")) == []
    assert_same_features(donor, receiver)


def test_the_h5_files_of_keras_applications(tmp_path, donor, receiver):
    legacy_h5_format.save_model_to_hdf5(donor, tmp_path / "w.h5")
    assert weights.load(receiver, weights.read(tmp_path / "w.h5")) == []
    assert_same_features(donor, receiver)


def test_keras_names_in_npz(tmp_path, donor, receiver):
    arrays = {
        f"{layer.name}/{variable.name}": variable.numpy()
        for layer in donor.layers
        for variable in layer.variables
    }
    np.savez(tmp_path / "w.npz", **arrays)
    assert weights.load(receiver, weights.read(tmp_path / "w.npz")) == []
    assert_same_features(donor, receiver)


def test_weights_without_a_name_of_their_own_are_loaded_too(tmp_path):
    """The layer scales of ConvNeXt."""

    def scaled(value):
        image = keras.Input((4, 4, 3))
        x = keras.layers.Conv2D(3, 1, name="convolution")(image)
        return keras.Model(image, LayerScale(value, 3, name="scale")(x))

    scaled(0.5).save(tmp_path / "w.keras")
    receiver = scaled(1e-6)
    assert weights.load(receiver, weights.read(tmp_path / "w.keras")) == []
    np.testing.assert_array_equal(receiver.get_layer("scale").get_weights(), [[0.5] * 3])


def test_the_order_of_colour_channels_is_of_no_account(tmp_path, computed, receiver):
    arrays = torch_activations.state_dict("torchvision resnet18", computed)
    results = []
    for name in ("rgb.npz", "bgr.npz"):
        weights.load(receiver, weights.read(write(tmp_path / name, arrays)))
        images = np.full((1, 32, 32, 1), 77, np.float32)
        stem = keras.Model(receiver.input, receiver.get_layer("conv1").output)
        results.append(stem(images).numpy())
        arrays["conv1.weight"] = arrays["conv1.weight"][:, ::-1]
    np.testing.assert_allclose(*results, atol=1e-3)


def test_weights_of_another_architecture_are_refused(tmp_path, receiver):
    architectures.build("small", 32, 0.9).save(tmp_path / "w.keras")
    with pytest.raises(UserError, match="of another architecture"):
        weights.load(receiver, weights.read(tmp_path / "w.keras"))


@pytest.mark.parametrize(
    ("network", "remedy"),
    [
        ("torchvision densenet121", "set network.backbone to densenet121."),
        ("transformers resnet50", "set network.backbone to resnet50v1.5, which is torchvision's"),
    ],
)
def test_the_network_that_a_file_is_of_is_named(tmp_path, computed, receiver, network, remedy):
    path = write(tmp_path / "w.npz", torch_activations.state_dict(network, computed))
    with pytest.raises(UserError) as refused:
        weights.load(receiver, weights.read(path))
    assert f"{path} are of another architecture than network.backbone resnet18" in str(
        refused.value
    )
    assert remedy in str(refused.value)


def test_a_network_with_the_same_convolutions_and_more_normalisations_is_refused(
    tmp_path, computed, receiver
):
    """As ResNet-50 V2 of Keras is beside version 1."""
    arrays = torch_activations.state_dict("torchvision resnet18", computed)
    more = {"layer1.0.bn0.running_mean": np.ones(64, np.float32)}
    path = write(tmp_path / "w.npz", arrays | more)
    with pytest.raises(UserError, match="layers that it lacks, such as layer1.0.bn0: change netw"):
        weights.load(receiver, weights.read(path))


@pytest.mark.parametrize("names", [["conv1.weight", "bn1.weight"], ["vit.embeddings.cls_token"]])
def test_a_network_without_batch_normalisation_is_refused(tmp_path, names):
    """A ResNet with group normalisation, and a vision transformer."""
    path = write(tmp_path / "w.safetensors", {name: np.ones((2, 2, 1, 1)) for name in names})
    with pytest.raises(UserError, match=r"are of no ResNet or DenseNet .* arrays is (bn1|vit)"):
        weights.read(path)


def test_weights_that_keras_saved_without_names_are_refused(tmp_path, donor):
    donor.save_weights(tmp_path / "w.weights.h5")
    with pytest.raises(UserError, match="w.weights.h5 have no names, .* save the whole network"):
        weights.read(tmp_path / "w.weights.h5")


@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.ckpt", "pytorch_model.bin"])
def test_a_file_of_pytorch_is_not_opened_and_it_is_said_how_to_turn_it(tmp_path, name):
    with pytest.raises(UserError, match=rf"{name}: .* never run here: turn it into .safetensors"):
        weights.read(tmp_path / name)


@pytest.mark.parametrize("name", ["w.npz", "w.h5", "w.keras", "w.safetensors", "w.onnx"])
def test_a_file_that_holds_no_weights_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"nonsense")
    with pytest.raises(UserError, match=name):
        weights.read(tmp_path / name)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".h5", ".keras"])
@pytest.mark.parametrize("share", [0.1, 0.9, 0.999])
def test_a_truncated_weights_file_is_refused(tmp_path, computed, donor, suffix, share):
    path = tmp_path / f"w{suffix}"
    if suffix == ".h5":
        legacy_h5_format.save_model_to_hdf5(donor, path)
    elif suffix == ".keras":
        donor.save(path)
    else:
        write(path, torch_activations.state_dict("torchvision resnet18", computed))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match=f"{path} could not be read"):
        weights.read(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_weights_file_is_refused(tmp_path, computed, save):
    path = tmp_path / "w.npz"
    save(path, **torch_activations.state_dict("torchvision resnet18", computed))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"{path} could not be read"):
        weights.read(path)


def test_the_real_caffe_weights_reach_every_layer_they_have(nih):
    model = architectures.build("resnet50", 72, 0.9)
    missing = weights.load(model, weights.read(caffe_file(nih)))
    kernels = {name.split("_")[0] for name in missing if name.endswith("_conv/kernel")}
    assert kernels == {"conv5"}
