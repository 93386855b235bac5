import logging
import os
import platform
import shutil
import threading
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
    assert names(tmp_path) == ["checkpoint"]


def test_there_is_nothing_to_restore_in_a_new_folder(store):
    assert store.restore() is None


@pytest.mark.parametrize(
    ("name", "share", "history"),
    [
        ("model.keras", 0, []),
        ("model.keras", 0.5, []),
        ("model.keras", 0.99, []),
        ("state.json", 1.2, [{"note": "x" * 1_000_000}]),
    ],
)
def test_a_full_disk_leaves_the_old_checkpoint_and_a_sentence(
    store, tmp_path, full_disk, name, share, history
):
    store.save(trained(1), State(5))
    size = int(share * (tmp_path / "checkpoint" / "model.keras").stat().st_size)
    new = trained(2)
    with full_disk(size), pytest.raises(UserError) as error:
        store.save(new, State(10, history))
    assert f"{name} could not be written (File too large): free some space" in str(error.value)
    assert restored(tmp_path) == (1, 5)
    assert names(tmp_path) == ["checkpoint"]


def test_a_checkpoint_can_be_written_again_once_there_is_space(store, tmp_path, full_disk):
    with full_disk(100), pytest.raises(UserError):
        store.save(trained(1), State(5))
    store.save(trained(2), State(10))
    assert restored(tmp_path) == (2, 10)


def test_a_kill_between_the_old_and_the_new_checkpoint_loses_neither(store, tmp_path):
    store.save(trained(1), State(5))
    (tmp_path / "checkpoint").rename(tmp_path / "old")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "model.keras").write_bytes(b"half")
    assert restored(tmp_path) == (1, 5)
    store.save(trained(2), State(10))
    assert restored(tmp_path) == (2, 10)


def test_a_kill_before_the_old_checkpoint_is_removed_leaves_the_new_one(store, tmp_path):
    store.save(trained(1), State(5))
    shutil.copytree(tmp_path / "checkpoint", tmp_path / "kept")
    store.save(trained(2), State(10))
    (tmp_path / "kept").rename(tmp_path / "old")
    assert restored(tmp_path) == (2, 10)
    store.save(trained(3), State(15))
    assert restored(tmp_path) == (3, 15)
    assert names(tmp_path) == ["checkpoint"]


def test_a_checkpoint_of_another_training_is_not_restored(store, tmp_path):
    store.save(trained(1), State(5))
    assert checkpoints.Progress(tmp_path, "other").restore() is None


@pytest.mark.parametrize("removed", ["model.keras", "state.json"])
def test_a_kill_while_the_checkpoint_is_removed_starts_from_the_beginning(store, tmp_path, removed):
    store.save(trained(1), State(5))
    (tmp_path / "checkpoint" / removed).unlink()
    assert store.restore() is None
    store.save(trained(2), State(5))
    assert restored(tmp_path) == (2, 5)


@pytest.mark.parametrize("name", ["model.keras", "state.json"])
@pytest.mark.parametrize("content", [b"", b"\x80" * 3000, b"[]", b"{}", b"7"])
def test_a_damaged_checkpoint_is_said(store, tmp_path, name, content):
    store.save(trained(1), State(5))
    (tmp_path / "checkpoint" / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        store.restore()
    assert f"checkpoint/{name}" in str(error.value)
    assert f": delete {tmp_path} and run again" in str(error.value)
    assert str(error.value).isprintable() and len(str(error.value)) < 300 + len(str(tmp_path)) * 2


def test_trainings_that_begin_as_others_end_do_not_disturb_each_other(tmp_path):
    folder, inside = tmp_path / "progress", threading.Lock()

    def training(_):
        for _ in range(100):
            with checkpoints.opened(folder, "one"):
                assert inside.acquire(blocking=False)
                (folder / "checkpoint").mkdir()
                (folder / "checkpoint" / "state.json").touch()
                inside.release()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(training, range(4)))
    assert not folder.exists()


def test_a_finished_training_leaves_no_progress_and_a_failed_one_leaves_its_own(tmp_path):
    with pytest.raises(KeyError), checkpoints.opened(tmp_path / "progress", "one") as store:
        store.save(trained(1), State(5))
        raise KeyError
    assert restored(tmp_path / "progress") == (1, 5)
    with checkpoints.opened(tmp_path / "progress", "one"):
        pass
    assert not (tmp_path / "progress").exists()


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
