import logging
import os
import platform
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from cxrnoise.core.errors import UserError
from cxrnoise.networks import checkpoints
from cxrnoise.networks.checkpoints import State


def trained(value):
    """A compiled network whose weights are all `value`, with the momentum of a step."""
    model = keras.Sequential([keras.Input((40,)), keras.layers.Dense(50)])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    model.train_on_batch(np.ones((1, 40)), np.ones((1, 50)))
    model.set_weights([np.full_like(weight, value) for weight in model.get_weights()])
    return model


def restored(folder, fingerprint="one"):
    """The value of the weights in the folder's checkpoint, and its step."""
    model, state = checkpoints.Progress(folder, fingerprint).restore()
    [value] = np.unique(np.concatenate([weight.ravel() for weight in model.get_weights()]))
    return value, state.step


@pytest.fixture
def store(tmp_path):
    return checkpoints.Progress(tmp_path, "one")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_last_checkpoint_is_restored_with_optimiser_and_history(store, tmp_path):
    store.save(trained(1), State(5))
    model = trained(2)
    store.save(model, State(10, [{"step": 10, "val_loss": 0.1}]))
    again, state = store.restore()
    for one, other in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    assert restored(tmp_path) == (2, 10)
    assert state.history == [{"step": 10, "val_loss": 0.1}]
    assert names(tmp_path) == ["checkpoint.keras"]


def test_there_is_nothing_to_restore_in_a_new_folder(store):
    assert store.restore() is None


@pytest.mark.parametrize(
    ("share", "history"),
    [(0, []), (0.5, []), (0.99, []), (1.2, [{"note": "x" * 1_000_000}])],
)
def test_a_full_disk_leaves_the_old_checkpoint_and_a_sentence(
    store, tmp_path, full_disk, share, history
):
    store.save(trained(1), State(5))
    size = int(share * (tmp_path / "checkpoint.keras").stat().st_size)
    new = trained(2)
    with full_disk(size), pytest.raises(UserError) as error:
        store.save(new, State(10, history))
    assert "checkpoint.keras could not be written (File too large): free some" in str(error.value)
    assert restored(tmp_path) == (1, 5)
    assert names(tmp_path) == ["checkpoint.keras"]


def test_a_checkpoint_can_be_written_again_once_there_is_space(store, tmp_path, full_disk):
    with full_disk(100), pytest.raises(UserError):
        store.save(trained(1), State(5))
    store.save(trained(2), State(10))
    assert restored(tmp_path) == (2, 10)


def test_a_kill_while_a_checkpoint_is_written_leaves_the_old_one(tmp_path):
    folder = tmp_path / "progress"
    store = checkpoints.Progress(folder, "one")
    store.save(trained(1), State(5))
    (folder / ".checkpoint.unfinished.keras").write_bytes(b"half")
    assert restored(folder) == (1, 5)
    store.save(trained(2), State(10))
    assert restored(folder) == (2, 10)
    assert names(folder) == ["checkpoint.keras"]
    (folder / ".checkpoint.unfinished.keras").write_bytes(b"half")
    with checkpoints.opened(folder, "one"):
        pass
    assert not folder.exists()


def test_a_checkpoint_of_another_training_is_not_restored(store, tmp_path):
    store.save(trained(1), State(5))
    assert checkpoints.Progress(tmp_path, "other").restore() is None


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_a_checkpoint_that_was_cut_short_is_named(store, tmp_path, share):
    store.save(trained(1), State(5))
    content = (tmp_path / "checkpoint.keras").read_bytes()
    damage(store, tmp_path, content[: int(share * len(content))])


@pytest.mark.parametrize("content", [b"\x80" * 3000, b"[]", b"7"])
def test_a_checkpoint_that_is_another_file_is_named(store, tmp_path, content):
    damage(store, tmp_path, content)


def test_a_checkpoint_with_a_flipped_bit_is_named(store, tmp_path):
    store.save(trained(1), State(5))
    content = bytearray((tmp_path / "checkpoint.keras").read_bytes())
    content[len(content) // 2] ^= 1
    damage(store, tmp_path, content)


@pytest.mark.parametrize("state", [b"", b"{}", b"[]", b'{"fingerprint": "one", "steps": 5}'])
def test_a_network_without_the_state_of_its_training_is_named(store, tmp_path, state):
    trained(1).save(tmp_path / "checkpoint.keras")
    with zipfile.ZipFile(tmp_path / "checkpoint.keras", "a") as archive:
        archive.writestr("training.json", state)
    damage(store, tmp_path, (tmp_path / "checkpoint.keras").read_bytes())


def damage(store, folder, content):
    """Replace the checkpoint; the error must name it and say what to do, in one line."""
    (folder / "checkpoint.keras").write_bytes(content)
    with pytest.raises(UserError) as error:
        store.restore()
    assert str(folder / "checkpoint.keras") in str(error.value)
    assert f": delete {folder} and run again" in str(error.value)
    assert str(error.value).isprintable() and len(str(error.value)) < 300 + len(str(folder)) * 2


def test_trainings_that_begin_as_others_end_do_not_disturb_each_other(tmp_path):
    folder, inside = tmp_path / "progress", threading.Lock()

    def training(_):
        for _ in range(100):
            with checkpoints.opened(folder, "one"):
                assert inside.acquire(blocking=False)
                folder.mkdir()
                (folder / "checkpoint.keras").touch()
                inside.release()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(training, range(4)))
    assert names(tmp_path) == []


def test_a_finished_training_leaves_no_progress_and_a_failed_one_leaves_its_own(tmp_path):
    with pytest.raises(KeyError), checkpoints.opened(tmp_path / "progress", "one") as store:
        store.save(trained(1), State(5))
        raise KeyError
    assert restored(tmp_path / "progress") == (1, 5)
    with checkpoints.opened(tmp_path / "progress", "one"):
        pass
    assert names(tmp_path) == []


def test_a_second_training_waits_for_the_first_and_finds_a_new_folder(tmp_path, caplog):
    folder = tmp_path / "progress"
    entered = threading.Event()

    def second():
        with checkpoints.opened(folder, "one") as store:
            assert store.restore() is None
            entered.set()

    caplog.set_level(logging.INFO)
    with checkpoints.opened(folder, "one") as store:
        store.save(trained(1), State(5))
        thread = threading.Thread(target=second)
        thread.start()
        while "waiting" not in caplog.text:
            assert thread.is_alive()
        assert f"{platform.node()} process {os.getpid()} is training in {folder}" in caplog.text
        assert not entered.is_set()
    thread.join()
    assert entered.is_set()
    assert not folder.exists()


def test_a_second_training_resumes_what_the_first_left_as_it_failed(tmp_path):
    folder = tmp_path / "progress"
    resumed = []

    def second():
        with checkpoints.opened(folder, "one") as store:
            resumed.append(store.restore()[1].step)

    with pytest.raises(KeyError), checkpoints.opened(folder, "one") as store:
        store.save(trained(1), State(5))
        thread = threading.Thread(target=second)
        thread.start()
        raise KeyError
    thread.join()
    assert resumed == [5]
