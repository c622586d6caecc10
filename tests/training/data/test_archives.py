import numpy as np
import pytest

from face_alignment_3d.errors import DataError
from face_alignment_3d.training.data.archives import read_arrays, require_files, require_shape, write_arrays


def test_arrays_are_read_by_name(tmp_path):
    np.savez(tmp_path / "a.npz", first=np.arange(3), second=np.ones(2), third=np.zeros(1))
    arrays = read_arrays(tmp_path / "a.npz", ["second", "first"])
    assert list(arrays) == ["second", "first"]
    np.testing.assert_array_equal(arrays["first"], [0, 1, 2])


def test_a_single_array_is_no_archive(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(DataError, match=r"expected an \.npz archive of first in .*a\.npy"):
        read_arrays(tmp_path / "a.npy", ["first"])


def test_pickles_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", first=np.array([{}], dtype=object))
    with pytest.raises(DataError, match=r"a\.npz"):
        read_arrays(tmp_path / "a.npz", ["first"])


def test_shapes(tmp_path):
    path = tmp_path / "a.npz"
    require_shape(path, "points", np.zeros((5, 68, 2)), (None, 68, 2))
    require_shape(path, "points", np.zeros((0, 68, 2)), (None, 68, 2))
    for wrong in (np.zeros((5, 68)), np.zeros((5, 68, 3)), np.zeros((5, 68, 2, 1))):
        with pytest.raises(DataError, match=r"points of shape \(N, 68, 2\) in .*a\.npz, got \(5, 68"):
            require_shape(path, "points", wrong, (None, 68, 2))


def test_what_is_not_finite_is_pointed_at(tmp_path):
    points = np.zeros((5, 68, 2))
    points[3, 1, 0] = np.inf
    with pytest.raises(DataError, match=r"a\.npz.*1 of 5 entries, the first is entry 3"):
        require_shape(tmp_path / "a.npz", "points", points, (5, 68, 2))
    with pytest.raises(DataError, match=r"expected numbers as points in .*a\.npz"):
        require_shape(tmp_path / "a.npz", "points", np.array(["a"]), (1,))


def test_files(tmp_path):
    (tmp_path / "there.jpg").touch()
    require_files(tmp_path, ["there.jpg"], index=tmp_path / "index.npz")
    with pytest.raises(DataError, match=r"1 of the 2 photos named in .*index\.npz .* the first is gone\.jpg"):
        require_files(tmp_path, ["there.jpg", "gone.jpg"], index=tmp_path / "index.npz")


def test_arrays_survive_a_round_trip_and_give_the_same_bytes(tmp_path):
    arrays = {"points": np.arange(6.0).reshape(2, 3), "names": np.array(["a", "bc"])}
    write_arrays(tmp_path / "one.npz", arrays)
    write_arrays(tmp_path / "two.npz", arrays)
    read = read_arrays(tmp_path / "one.npz", ["points", "names"])
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.npz", "two.npz"]
