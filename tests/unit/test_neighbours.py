import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrnoise.core.errors import UserError
from cxrnoise.reading import neighbours


@given(st.integers(0, 6), st.integers(0, 12), st.integers(0, 8), st.integers(0, 1000))
def test_each_image_is_taken_once_and_no_nearer_one_was_left(m, n, count, seed):
    random = np.random.default_rng(seed)
    cases, pool = random.random((m, 5)), random.random((n, 5))
    found = neighbours.nearest(cases, pool, count)
    assert len(found) == (min(count, n) if m else 0)
    taken = [position for _, position, _ in found]
    assert len(set(taken)) == len(taken)
    for turn, (case, position, distance) in enumerate(found):
        assert case == turn % m
        one, other = cases[case], pool[position]
        cosine = 1 - one @ other / np.sqrt((one @ one) * (other @ other))
        assert distance == pytest.approx(cosine, abs=1e-9)
        left = [p for p in range(n) if p not in taken[:turn]]
        others = 1 - pool[left] @ one / np.sqrt((pool[left] ** 2).sum(axis=1) * (one @ one))
        assert distance <= others.min() + 1e-9


def test_features_without_length_are_the_farthest():
    [first, second] = neighbours.nearest(np.ones((1, 3)), np.array([[0, 0, 0], [-1, -1, 0]]), 2)
    assert first[1] == 1
    assert second == (0, 0, neighbours.FARTHEST)


def test_features_come_back_as_they_were_written(tmp_path):
    features = neighbours.Features(
        image=np.array(["a.png", "Röntgen 肺.png"]),
        role=np.array(["case", neighbours.POSITIVE]),
        features=np.arange(6, dtype=np.float32).reshape(2, 3),
        p1=np.array([0.25, 0.75], dtype=np.float32),
    )
    neighbours.write(features, tmp_path / "features.h5", "made by")
    back = neighbours.read(tmp_path / "features.h5")
    for name, values in vars(features).items():
        assert np.array_equal(getattr(back, name), values)
    with h5py.File(tmp_path / "features.h5") as file:
        assert file.attrs["provenance"] == "made by"


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "features.h5").write_bytes(b"no HDF5")
    with pytest.raises(UserError, match="features.h5 is not a file of features"):
        neighbours.read(tmp_path / "features.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["image"] = [1, 2]
    with pytest.raises(UserError, match="other.h5 is not a file of features"):
        neighbours.read(tmp_path / "other.h5")
