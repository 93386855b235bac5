"""The ImageNet weights of Keras Applications, fetched from a server on this machine."""

import hashlib
from pathlib import Path

import keras
import numpy as np
import pytest
from keras.src.applications import resnet
from keras.src.legacy.saving import legacy_h5_format

import loopback
from cxrnoise.core.errors import UserError
from cxrnoise.datasets import downloads
from cxrnoise.networks import architectures, imagenet, weights

ROOT = Path(__file__).parents[2]
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
    imagenet.fetch(BACKBONE, table, target)
    fetched = keras.saving.load_model(target)
    for one, other in zip(fetched.get_weights(), published[1].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    ours = architectures.build(BACKBONE, 64, 0.9)
    missing = {name.split("/")[0] for name in weights.load(ours, weights.read(target))}
    assert missing == {"input_normalization", "classifier"}
    assert {path.name for path in target.parent.iterdir()} == {target.name, H5}


def test_imagenet_weights_with_a_wrong_checksum_are_not_used(server, table, target):
    server.faults = [loopback.wrong_bytes]
    with pytest.raises(UserError, match=f"{H5} from .* expected md5:.* found md5:"):
        imagenet.fetch(BACKBONE, table, target)
    assert [path.name for path in target.parent.iterdir()] == [f"{H5}.wrong"]
    imagenet.fetch(BACKBONE, table, target)
    assert target.exists()


def test_imagenet_weights_that_a_user_put_there_need_no_server(server, table, target, published):
    target.parent.mkdir()
    target.with_name(H5).write_bytes(published[0])
    imagenet.fetch(BACKBONE, table, target)
    assert target.exists()
    assert server.asked == []


def test_a_full_disk_leaves_no_half_of_the_imagenet_weights(table, target, published, full_disk):
    target.parent.mkdir()
    target.with_name(H5).write_bytes(published[0])
    with full_disk(100_000), pytest.raises(UserError, match=f"{target} could not be written"):
        imagenet.fetch(BACKBONE, table, target)
    assert [path.name for path in target.parent.iterdir()] == [H5]


@pytest.mark.parametrize("backbone", ["small", "resnet18", "resnet51"])
def test_a_backbone_without_imagenet_weights_is_named(table, tmp_path, backbone):
    with pytest.raises(UserError, match=f"no ImageNet weights for the backbone {backbone}"):
        imagenet.fetch(backbone, table, tmp_path / "w.keras")
    assert list(tmp_path.iterdir()) == [table]


def test_a_backbone_that_the_table_lacks_is_named(table, tmp_path):
    with pytest.raises(UserError, match="table.csv has no mobilenetv2-imagenet.h5: add its row"):
        imagenet.fetch("mobilenetv2", table, tmp_path / "mobilenetv2-imagenet.keras")
    assert list(tmp_path.iterdir()) == [table]


def test_the_table_has_the_weights_that_keras_would_fetch():
    for file in downloads.read(ROOT / "config/chestxray14-files.csv").values():
        if file.kind == downloads.WEIGHTS:
            assert file.name.removesuffix("-imagenet.h5") in architectures.backbones()
    assert f"md5:{resnet.WEIGHTS_HASHES['resnet50'][1]}" in file_of("resnet50").checksums
    assert file_of("resnet50").url.startswith(resnet.BASE_WEIGHTS_PATH)


def file_of(backbone):
    return downloads.read(ROOT / "config/chestxray14-files.csv")[f"{backbone}-imagenet.h5"]
