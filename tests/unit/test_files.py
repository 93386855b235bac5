import errno
import resource

import pytest

from cxrnoise.errors import UserError
from cxrnoise.files import replacing


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_said_in_one_sentence(tmp_path):
    path = tmp_path / "table.csv"
    with (
        pytest.raises(UserError, match=r"table.csv could not be written \(No space left"),
        replacing(path) as temporary,
    ):
        temporary.touch()
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_file_over_the_limit_of_the_disk_is_never_half_there(tmp_path):
    path = tmp_path / "shard.bin"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(UserError, match="could not be written"), replacing(path) as temporary:
            temporary.write_bytes(b"x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
