"""Data sets by name; above all, that the hold-out is what training does not see."""

import numpy as np
import pytest
import synthetic_faces
from known_errors import labels, write_photos

from face_alignment_3d.errors import DataError
from face_alignment_3d.training.config import LITE
from face_alignment_3d.training.data import HAND_LABELLED, load_training_data
from face_alignment_3d.training.evaluation_sets import DATASETS, open_dataset


def write_set(data, name, count, *, seed):
    points68 = labels(count, seed=seed)
    photos = write_photos(data / "photos68" / name, points68)
    np.savez(data / "photos68" / f"{name}.npz", names=photos.names, points68=points68, scale=np.ones(count))
    return points68


def test_a_whole_set(tmp_path):
    points68 = write_set(tmp_path, "afw", 4, seed=1)
    photos = open_dataset(tmp_path, "afw")
    assert photos.names == ("photo_0", "photo_1", "photo_2", "photo_3")
    np.testing.assert_array_equal(photos.points68, points68)


def test_a_limit_spreads_over_the_set(tmp_path):
    points68 = write_set(tmp_path, "afw", 9, seed=1)
    photos = open_dataset(tmp_path, "afw", limit=3)
    assert photos.names == ("photo_0", "photo_3", "photo_6")
    np.testing.assert_array_equal(photos.points68, points68[[0, 3, 6]])
    assert len(open_dataset(tmp_path, "afw", limit=100).names) == 9


def test_the_holdout_counts_through_both_sets(tmp_path):
    first = write_set(tmp_path, HAND_LABELLED[0], 10, seed=1)
    second = write_set(tmp_path, HAND_LABELLED[1], 5, seed=2)
    photos = open_dataset(tmp_path, "holdout")
    assert photos.names == (f"{HAND_LABELLED[0]}/photo_0", f"{HAND_LABELLED[1]}/photo_2")
    np.testing.assert_array_equal(photos.points68, [first[0], second[2]])
    assert photos.image(1).shape == (16, 16, 3)


def test_the_holdout_is_what_training_keeps_out(tmp_path):
    faces, angles = synthetic_faces.posed_faces(40, seed=4)
    synthetic_faces.write_models(tmp_path, faces)
    synthetic_faces.write_photos68(tmp_path, HAND_LABELLED[0], faces[:16])
    synthetic_faces.write_photos68(tmp_path, HAND_LABELLED[1], faces[16:30])
    synthetic_faces.write_faces(tmp_path, faces[30:], yaw=angles[30:, 1])
    data = load_training_data(tmp_path, LITE)
    held_out = open_dataset(tmp_path, "holdout").names
    assert list(held_out) == [sample.name for sample in data.validation["hand"]]
    assert len(held_out) == 3
    assert not set(held_out) & {sample.name for sample in data.hand}


def test_what_is_not_there(tmp_path):
    for name in DATASETS:
        with pytest.raises(DataError, match="photos68"):
            open_dataset(tmp_path, name)
    with pytest.raises(DataError, match=r"one of the data sets holdout, afw, .*; got 'wflw'"):
        open_dataset(tmp_path, "wflw")
    with pytest.raises(DataError, match="at least 1 photo; got 0"):
        open_dataset(tmp_path, "afw", limit=0)
