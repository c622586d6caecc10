"""Data sets by name; above all, that the hold-out is what training does not see."""

import numpy as np
import pytest
import scipy.io
from PIL import Image

from face_alignment_3d.cli import main
from face_alignment_3d.errors import DataError
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.evaluation.sets import DATASETS, open_dataset, open_labelled
from face_alignment_3d.training.recipes.config import LITE
from face_alignment_3d.training.recipes.training_data import HAND_LABELLED, load_training_data
from tests.training import synthetic_faces
from tests.training.known_errors import labels, write_photos
from tests.training.recipes.test_training_data import write_views


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
    data, derived = tmp_path / "data", tmp_path / "derived"
    synthetic_faces.write_data(data, hand=13, aflw=2, teachers=2)
    fuse = ["train-data", "fuse-labels", "--data", data, "--out", derived, "--rounds", "1"]
    assert main([str(word) for word in fuse]) == 0
    for name in (*HAND_LABELLED, "pseudo"):
        write_views(derived, name, ["face_0", "face_1"])
    loaded = load_training_data(data, derived, LITE)
    held_out = open_dataset(data, "holdout").names
    assert list(held_out) == [sample.name for sample in loaded.validation["hand"]]
    assert len(held_out) == 3
    assert not set(held_out) & {sample.name for sample in loaded.groups["hand"].samples}


def test_hand_made_points_get_a_z_and_the_set_is_named_by_its_content(tmp_path):
    faces, angles = synthetic_faces.posed_faces(12, seed=6, yaw=25.0)
    synthetic_faces.write_data(tmp_path, hand=8, aflw=12, teachers=12)
    synthetic_faces.write_photos68(tmp_path, "afw", faces[:4])
    training = {
        name: synthetic_faces.posed_faces(8, seed=i, yaw=12.0)[0] for i, name in enumerate(HAND_LABELLED)
    }
    synthetic_faces.write_predictions(tmp_path, {**training, "afw": faces[:4]})
    labelled = open_labelled("afw", data=tmp_path)
    assert labelled.truth.normalizer == "eyes_2d"
    np.testing.assert_allclose(labelled.truth.points, faces[:4, FROM_68, :2], atol=1e-4)
    assert np.abs(labelled.truth.yaw - angles[:4, 1]).mean() < 10
    assert labelled.image(2).shape == (220, 220, 3)
    few = open_labelled("afw", data=tmp_path, limit=2)
    assert few.truth.names == ("face_0", "face_2")
    assert few.digest == labelled.digest, "that of the whole set"
    photo = tmp_path / "photos68" / "afw" / "face_3.jpg"
    photo.write_bytes(photo.read_bytes() + b" ")
    assert open_labelled("afw", data=tmp_path).digest != labelled.digest


def test_turned_photos(tmp_path):
    faces, angles = synthetic_faces.posed_faces(3, seed=7)
    folder = tmp_path / "novel_views" / "afw"
    folder.mkdir(parents=True)
    for index in range(3):
        Image.new("L", (32, 32), 40 * index).save(folder / f"view_{index}.jpg")
    points = faces[:, FROM_68].astype(np.float32)
    poses = {"yaw": angles[:, 1], "pitch": angles[:, 0], "roll": angles[:, 2]}
    names = ["view_0", "view_1", "view_2"]
    seen = {"visible": np.ones((3, 66)), "weight_visible": np.ones((3, 66))}
    np.savez(
        folder.with_suffix(".npz"), names=names, sources=["a", "a", "b"], points66=points, **poses, **seen
    )
    labelled = open_labelled("afw-novel-views", data=None, derived_data=tmp_path)
    assert labelled.name == "afw-novel-views"
    assert labelled.truth.normalizer == "eyes_3d"
    assert labelled.truth.subjects == ("a", "a", "b")
    assert labelled.truth.yaw_edges == (0, 30, 60, 85)
    np.testing.assert_array_equal(labelled.truth.points, points)
    np.testing.assert_allclose(labelled.truth.yaw, angles[:, 1], rtol=1e-5)
    few = open_labelled("afw-novel-views", data=None, derived_data=tmp_path, limit=2)
    assert (few.truth.names, few.digest) == (("view_0", "view_1"), labelled.digest)
    with pytest.raises(DataError, match="expected --derived-data"):
        open_labelled("afw-novel-views", data=tmp_path)


def test_the_views_of_held_out_photos_are_a_set(tmp_path):
    data, derived_data = tmp_path / "data", tmp_path / "derived"
    stems = [f"face_{i}" for i in range(13)]
    for seed, name in enumerate(HAND_LABELLED):
        faces = synthetic_faces.posed_faces(13, seed=seed)[0]
        synthetic_faces.write_photos68(data, name, faces)
        folder = derived_data / "novel_views" / name
        folder.mkdir(parents=True)
        views = [f"{stem}_{k}" for stem in stems for k in range(2)]
        for view in views:
            Image.new("L", (32, 32), 40).save(folder / f"{view}.jpg")
        yaw = np.tile([20.0, 88.0], 13)
        points = np.repeat(faces[:, FROM_68], 2, axis=0)
        sources = [stem for stem in stems for _ in range(2)]
        poses = {"yaw": yaw, "pitch": 0 * yaw, "roll": 0 * yaw}
        seen = {key: np.ones((len(views), 66)) for key in ("visible", "weight_visible")}
        np.savez(folder.with_suffix(".npz"), names=views, sources=sources, points66=points, **poses, **seen)
    labelled = open_labelled("holdout-novel-views", data=data, derived_data=derived_data)
    # Photos 0, 12 and 24 of all are held out, and views beyond 85 degrees are not evaluated on.
    assert labelled.truth.names == (
        "helen_train/face_0_0",
        "helen_train/face_12_0",
        "lfpw_train/face_11_0",
    )
    assert labelled.truth.subjects == ("helen_train/face_0", "helen_train/face_12", "lfpw_train/face_11")
    assert labelled.image(2).shape == (32, 32, 3)
    with pytest.raises(DataError, match="expected --data"):
        open_labelled("holdout-novel-views", data=None, derived_data=derived_data)


def test_aflw2000(tmp_path):
    points = np.random.default_rng(8).uniform(100, 300, (2, 68, 3))
    for index, label in enumerate(points):
        Image.new("L", (450, 450), 40 * index).save(tmp_path / f"image0000{index}.jpg")
        pose = np.array([[0.1, -0.5, 0.2, 0, 0, 0, 1]])
        scipy.io.savemat(tmp_path / f"image0000{index}.mat", {"pt3d_68": label.T, "Pose_Para": pose})
    labelled = open_labelled("aflw2000", data=tmp_path)
    assert labelled.truth.names == ("image00000", "image00001")
    assert labelled.truth.yaw_edges == (0, 30, 60, 90)
    np.testing.assert_allclose(np.abs(labelled.truth.yaw), np.rad2deg(0.5), rtol=1e-5)
    np.testing.assert_allclose(labelled.truth.points[..., :2], points[:, FROM_68, :2] - 1, rtol=1e-5)
    assert labelled.truth.subjects is None
    assert labelled.image(1).shape == (450, 450, 3)


def test_what_is_not_there(tmp_path):
    for name in DATASETS:
        with pytest.raises(DataError, match="photos68"):
            open_dataset(tmp_path, name)
    with pytest.raises(DataError, match=r"one of the data sets holdout, afw, .*; got 'wflw'"):
        open_dataset(tmp_path, "wflw")
    with pytest.raises(DataError, match="at least 1 photo; got 0"):
        open_dataset(tmp_path, "afw", limit=0)
    with pytest.raises(
        DataError,
        match=r"one of the data sets holdout, .*, afw-novel-views, aflw2000, merl-rav; got 'wflw'",
    ):
        open_labelled("wflw", data=tmp_path)
    with pytest.raises(DataError, match="at least 1 photo; got 0"):
        open_labelled("afw", data=tmp_path, limit=0)
    for name in ("holdout", "aflw2000"):
        with pytest.raises(DataError, match="expected --data"):
            open_labelled(name, data=None)
