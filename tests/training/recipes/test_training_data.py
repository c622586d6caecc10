import dataclasses

import numpy as np
import pytest
from PIL import Image

from face_alignment_3d.cli import main
from face_alignment_3d.errors import DataError
from face_alignment_3d.training.data.datasets.face_sets import HAND_LABELLED
from face_alignment_3d.training.labels.fused_labels import load_fused_labels
from face_alignment_3d.training.labels.teacher_predictions import (
    FILE_NAME,
    TeacherPredictions,
    open_teacher_photos,
    save_teacher_predictions,
)
from face_alignment_3d.training.recipes.config import LITE, Shares
from face_alignment_3d.training.recipes.training_data import load_training_data
from tests.training.synthetic_faces import write_data

CONFIG = dataclasses.replace(LITE, holdout_every=3, face_size=80)


def write_views(derived_data, name, sources):
    """``novel_views/<name>``: a gray view of each source."""
    folder = derived_data / "novel_views" / name
    folder.mkdir(parents=True)
    names = [f"{source}_0" for source in sources]
    for stem in names:
        Image.new("L", (60, 60), 90).save(folder / f"{stem}.jpg")
    zeros = np.zeros(len(names))
    points = np.random.default_rng(0).uniform(10, 50, (len(names), 66, 3))
    np.savez(
        folder.with_suffix(".npz"),
        names=names,
        sources=sources,
        points66=points - points.mean(axis=1, keepdims=True) * [0, 0, 1],
        visible=np.ones((len(names), 66)),
        weight_visible=np.full((len(names), 66), 0.3),
        yaw=zeros,
        pitch=zeros,
        roll=zeros,
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder, derived_data = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("derived")
    write_data(folder, aflw=44)
    command = ["train-data", "fuse-labels", "--data", folder, "--out", derived_data, "--rounds", "1"]
    assert main([str(word) for word in command]) == 0
    for name in HAND_LABELLED:
        write_views(derived_data, name, [f"face_{i}" for i in range(4)])
    write_views(derived_data, "pseudo", [f"set_face_{i}" for i in range(6)])
    return folder, derived_data


@pytest.fixture(scope="module")
def loaded(folders):
    return load_training_data(*folders, CONFIG)


def test_afw_is_never_trained_on():
    assert "afw" not in HAND_LABELLED


def test_hand_labelled_photos_are_split(loaded):
    trained = {sample.name for sample in loaded.groups["hand"].samples}
    held_out = {sample.name for sample in loaded.validation["hand"]}
    assert len(trained) == 5
    assert len(held_out) == 3
    assert not trained & held_out
    assert {name.split("/")[0] for name in trained} == set(HAND_LABELLED)


def test_one_in_forty_aflw_faces_is_held_out(loaded):
    trained = {sample.name for sample in loaded.groups["aflw"].samples}
    held_out = {sample.name for sample in loaded.validation["aflw"]}
    assert len(held_out) == 2
    assert not trained & held_out
    assert {sample.name for sample in loaded.validation["profile"]} <= held_out


def test_samples_are_whole(loaded):
    samples = [s for group in loaded.groups.values() for s in group.samples] + loaded.validation["hand"]
    for sample in samples:
        assert sample.points.shape == (66, 3)
        assert sample.points.dtype == sample.weight_xy.dtype == sample.weight_z.dtype == np.float32
        assert sample.image.dtype == np.uint8
        assert np.isfinite(sample.points).all()
        assert abs(sample.points[:, 2].mean()) < 1e-3
        assert sample.visible.shape == sample.weight_visible.shape == (66,)


def test_visibility_comes_from_hands_and_from_the_meshes(loaded):
    looked = [s.weight_visible.max() for s in loaded.groups["aflw"].samples]
    assert sorted(set(looked)) == [0.0, 1.0]
    assert all(s.weight_visible.max() == 0 for s in loaded.groups["hand"].samples)
    assert all(s.weight_visible.max() == pytest.approx(0.3) for s in loaded.groups["views_of_hand"].samples)


def test_labels_lie_in_the_shrunk_photos(folders, loaded):
    labels = load_fused_labels(folders[1]).sets["faces"].points
    for sample, points in zip(loaded.groups["teachers"].samples, labels, strict=True):
        scale = sample.image.shape[1] / 220
        assert scale < 1
        np.testing.assert_allclose(sample.points[:, :2], (points[:, :2] + 0.5) * scale - 0.5, atol=0.05)


def test_turned_faces_are_drawn_more_often(folders, loaded):
    group = loaded.groups["teachers"]
    yaw = np.abs(load_fused_labels(folders[1]).sets["faces"].yaw)
    expected = np.where(yaw > 60, CONFIG.profile_factor, np.where(yaw > 25, CONFIG.turned_factor, 1.0))
    np.testing.assert_allclose(group.frequency, expected)
    (pool,) = [pool for pool in loaded.pools(CONFIG) if pool.samples is group.samples]
    np.testing.assert_allclose(pool.sampling_weights, expected / expected.sum())


def test_each_group_has_its_share(loaded):
    shares = Shares(hand=0.5, aflw=0.5, teachers=0.0, views_of_hand=0.2, views_of_teachers=0.1)
    pools = loaded.pools(dataclasses.replace(CONFIG, shares=shares))
    assert [pool.share for pool in pools] == [0.5, 0.5, 0.2, 0.1]
    assert sum(Shares().as_dict().values()) == pytest.approx(1)


def test_no_view_of_a_held_out_photo_is_trained_on(loaded):
    withheld = {sample.name for sample in loaded.validation["hand"]}
    views = {sample.name.removesuffix("_0") for sample in loaded.groups["views_of_hand"].samples}
    assert views == {sample.name for sample in loaded.groups["hand"].samples}
    assert not views & withheld
    assert len(loaded.groups["views_of_teachers"].samples) == 6


def test_shapes_leave_out_held_out_faces(loaded):
    count = 8 + 44 - 2 + 6
    assert loaded.shapes.shape == (count, 66, 3)


def test_labels_of_other_photos_are_refused(folders, tmp_path):
    _, derived_data = folders
    other = tmp_path / "data"
    write_data(other, aflw=44)
    photo = other / "photos68" / "helen_train" / "face_2.jpg"
    Image.new("RGB", (220, 220)).save(photo)
    with pytest.raises(DataError, match=r"face_2\.jpg of helen_train that its label was fused for"):
        load_training_data(other, derived_data, CONFIG)


def test_labels_of_another_number_of_photos_are_refused(folders, tmp_path):
    other = tmp_path / "data"
    write_data(other, aflw=40)
    with pytest.raises(DataError, match="expected the 44 photos of aflw"):
        load_training_data(other, folders[1], CONFIG)


def test_without_fused_labels_the_command_is_named(folders, tmp_path):
    with pytest.raises(DataError, match=r"fused_labels\.npz"):
        load_training_data(folders[0], tmp_path, CONFIG)


def test_a_teacher_moves_what_is_trained_on_and_nothing_that_is_held_out(folders, loaded, tmp_path):
    photos = open_teacher_photos(*folders)
    for name in ("fused_labels.npz", "novel_views"):
        (tmp_path / name).symlink_to(folders[1] / name)
    config = dataclasses.replace(CONFIG, teacher_weight=1.0)
    with pytest.raises(DataError, match="teacher_predictions"):
        load_training_data(folders[0], tmp_path, config)
    told = {
        name: TeacherPredictions(
            each.points + np.float32([0.5, 0, 0]),
            np.full((len(each.points), 66), 0.5, np.float32),
            each.digest,
        )
        for name, each in photos.items()
    }
    save_teacher_predictions(tmp_path / FILE_NAME, told, {"weights_sha256": "ab"})
    distilled = load_training_data(folders[0], tmp_path, config)
    assert distilled.teacher == {"weights_sha256": "ab"}
    assert loaded.teacher is None
    for kind, group in loaded.groups.items():
        pairs = list(zip(group.samples, distilled.groups[kind].samples, strict=True))
        assert pairs
        for before, after in pairs:
            assert before.name == after.name
            assert not np.array_equal(after.points, before.points)
            assert after.weight_visible.min() > 0
    for kind, samples in loaded.validation.items():
        for before, after in zip(samples, distilled.validation[kind], strict=True):
            np.testing.assert_array_equal(before.points, after.points)
            np.testing.assert_array_equal(before.weight_visible, after.weight_visible)
