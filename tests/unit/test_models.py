"""Files of networks that hold code or lead elsewhere: no code runs, nothing is written there."""

import os
import pickle
import zipfile

import keras
import numpy as np
import pytest

from cxrnoise.core.errors import UserError
from cxrnoise.networks import checkpoints, models, weights
from cxrnoise.networks.checkpoints import State


@pytest.fixture
def witness(tmp_path):
    """A file that the code in a hostile file would make."""
    return tmp_path / "witness"


@pytest.fixture
def lambda_network(tmp_path, witness):
    """A saved network with a layer of Python code, which has run as the layer was made."""
    path = str(witness)
    code = keras.layers.Lambda(lambda x: (open(path, "w"), x)[1])  # noqa: SIM115
    model = keras.Sequential([keras.Input((2,)), code])
    model.save(tmp_path / "w.keras")
    witness.unlink()
    return tmp_path / "w.keras"


class Code:
    """What unpickling makes into a call."""

    def __init__(self, witness):
        self.witness = witness

    def __reduce__(self):
        return os.mkdir, (str(self.witness),)


def refusal(read, *arguments):
    with pytest.raises(UserError) as caught:
        read(*arguments)
    text = str(caught.value)
    assert "could not be read (it holds code, which is never run): " in text
    assert "\n" not in text and ". " not in text and "safe_mode" not in text
    return text


def test_a_network_with_code_in_it_is_refused_and_its_code_does_not_run(lambda_network, witness):
    text = refusal(models.load, lambda_network, "delete it and run again")
    assert str(lambda_network) in text and text.endswith("delete it and run again.")
    assert "set weights to another file" in refusal(weights.read, lambda_network)
    assert not witness.exists()


def test_a_checkpoint_that_was_swapped_for_one_with_code_is_refused(
    tmp_path, lambda_network, witness
):
    store = checkpoints.Progress(tmp_path / "progress", "one")
    store.save(keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]), State(5))
    checkpoint = tmp_path / "progress/checkpoint.keras"
    with zipfile.ZipFile(checkpoint) as ours, zipfile.ZipFile(lambda_network, "a") as theirs:
        for name in ("training.json", "dynamics.npz"):
            theirs.writestr(name, ours.read(name))
    lambda_network.replace(checkpoint)
    assert f"delete {tmp_path / 'progress'} and run again" in refusal(store.restore)
    assert not witness.exists()


def as_objects(path, witness):
    np.savez(path, kernel=np.array([Code(witness)], dtype=object))


def as_a_pickle(path, witness):
    path.write_bytes(pickle.dumps(Code(witness)))


@pytest.mark.parametrize("write", [as_objects, as_a_pickle])
def test_pickled_weights_are_refused_and_never_unpickled(tmp_path, witness, write):
    write(tmp_path / "w.npz", witness)
    assert str(tmp_path / "w.npz") in refusal(weights.read, tmp_path / "w.npz")
    assert not witness.exists()


@pytest.mark.parametrize("name", ["../witness", "assets/../../witness", "/{folder}/witness"])
def test_a_network_whose_archive_leads_elsewhere_writes_nothing_there(
    tmp_path, witness, monkeypatch, name
):
    temporary = tmp_path / "temporary" / "of Keras"
    temporary.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    path = tmp_path / "w.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]).save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name.format(folder=tmp_path), b"x")
    with pytest.warns(UserWarning, match="Skipping invalid path"):
        models.load(path, "delete it")
    assert not list(tmp_path.rglob("witness"))
