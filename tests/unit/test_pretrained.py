import hashlib
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import keras
import numpy as np
import pytest
from keras.src.applications import mobilenet_v3
from keras.src.applications.convnext import LayerScale
from keras.src.legacy.saving import legacy_h5_format

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


def test_weights_without_a_name_of_their_own_are_loaded_too(tmp_path):
    """The layer scales of ConvNeXt."""

    def scaled(value):
        image = keras.Input((4, 4, 3))
        x = keras.layers.Conv2D(3, 1, name="convolution")(image)
        return keras.Model(image, LayerScale(value, 3, name="scale")(x))

    scaled(0.5).save(tmp_path / "w.keras")
    receiver = scaled(1e-6)
    assert pretrained.load(receiver, tmp_path / "w.keras") == []
    np.testing.assert_array_equal(receiver.get_layer("scale").get_weights(), [[0.5] * 3])


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
        pretrained.load(receiver, path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_weights_file_is_refused(tmp_path, donor, receiver, save):
    path = tmp_path / "w.npz"
    save(path, **dict(torchvision_names(donor)))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"{path} could not be read"):
        pretrained.load(receiver, path)


def test_the_real_caffe_weights_reach_every_layer_they_have(nih):
    weights = nih.parent / "weights" / "resnet50-msra-conv1-to-layer3.npz"
    model = network.build("resnet50", 72, 0.9)
    missing = pretrained.load(model, weights)
    kernels = {name.split("_")[0] for name in missing if name.endswith("_conv/kernel")}
    assert kernels == {"conv5"}


# ImageNet

BACKBONE = "mobilenetv3small"  # the smallest of those whose checksum Keras knows


class Handler(BaseHTTPRequestHandler):
    """Answers with `server.status` and `server.body`, of which `server.sent` bytes arrive."""

    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body[: self.server.sent])

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """What the server of Keras Applications has: the weights as a file, and its network."""
    path = tmp_path_factory.mktemp("published") / "w.h5"
    keras.utils.set_random_seed(3)
    model = keras.applications.MobileNetV3Small(include_top=False, weights=None)
    legacy_h5_format.save_model_to_hdf5(model, path)
    return path.read_bytes(), model


@pytest.fixture
def server(tmp_path, monkeypatch, published):
    """A server on this machine from which Keras fetches into a cache of its own."""
    content, _ = published
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.status, server.body, server.sent, server.asked = 200, content, None, []
        address = f"http://127.0.0.1:{server.server_port}/"
        checksums = ("", hashlib.md5(content).hexdigest())
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(mobilenet_v3, "BASE_WEIGHT_PATH", address)
        monkeypatch.setitem(mobilenet_v3.WEIGHTS_HASHES, "small_224_1.0_float", checksums)
        monkeypatch.setattr(keras.src.backend.config, "_KERAS_DIR", str(tmp_path / "cache"))
        (tmp_path / "cache").mkdir()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def wrong_bytes(server):
    server.body = server.body[:-1] + bytes([server.body[-1] ^ 1])


def cut_off(server):
    server.sent = len(server.body) // 2


def out_of_order(server):
    server.status = 500


def gone(server):
    server.shutdown()
    server.server_close()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "weights" / f"{BACKBONE}-imagenet.keras"


def test_imagenet_weights_are_fetched_and_start_our_network(server, target, published):
    pretrained.fetch_imagenet(BACKBONE, target)
    assert server.asked == ["/weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5"]
    fetched = keras.saving.load_model(target)
    for one, other in zip(fetched.get_weights(), published[1].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    ours = network.build(BACKBONE, 64, 0.9)
    missing = {name.split("/")[0] for name in pretrained.load(ours, target)}
    assert missing == {"input_normalization", "classifier"}
    assert [path.name for path in target.parent.iterdir()] == [target.name]


@pytest.mark.parametrize(
    ("fail", "reason"),
    [
        (wrong_bytes, r"Incomplete or corrupted file detected"),
        (cut_off, r"retrieval incomplete"),
        (out_of_order, r"500 -- Internal Server Error"),
        (gone, r"Connection refused"),
    ],
)
def test_a_download_that_fails_is_one_sentence_and_no_file(server, target, fail, reason):
    fail(server)
    with pytest.raises(UserError, match=reason) as error:
        pretrained.fetch_imagenet(BACKBONE, target)
    text = str(error.value)
    assert text.startswith(f"the ImageNet weights of {BACKBONE} could not be fetched (")
    assert text.endswith(
        "): run this rule on a machine with internet access, or set weights to a file."
    )
    assert ". " not in text and "\n" not in text
    assert not target.parent.exists() or not list(target.parent.iterdir())


@pytest.mark.parametrize("fail", [wrong_bytes, cut_off, out_of_order])
def test_a_download_that_failed_is_made_anew(server, target, fail):
    right = vars(server).copy()
    fail(server)
    with pytest.raises(UserError):
        pretrained.fetch_imagenet(BACKBONE, target)
    for name in ("status", "body", "sent"):
        setattr(server, name, right[name])
    pretrained.fetch_imagenet(BACKBONE, target)
    assert target.exists()


def test_weights_that_were_fetched_before_need_no_server(server, target):
    pretrained.fetch_imagenet(BACKBONE, target)
    gone(server)
    target.unlink()
    pretrained.fetch_imagenet(BACKBONE, target)
    assert target.exists()


def test_a_full_disk_leaves_no_half_of_the_imagenet_weights(server, target, full_disk):
    pretrained.fetch_imagenet(BACKBONE, target)
    target.unlink()
    with full_disk(100_000), pytest.raises(UserError, match=f"{target} could not be written"):
        pretrained.fetch_imagenet(BACKBONE, target)
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("backbone", ["small", "resnet18", "resnet51"])
def test_a_backbone_without_imagenet_weights_is_named(tmp_path, backbone):
    with pytest.raises(UserError, match=f"no ImageNet weights for the backbone {backbone}"):
        pretrained.fetch_imagenet(backbone, tmp_path / "w.keras")
    assert list(tmp_path.iterdir()) == []
