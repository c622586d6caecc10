from dataclasses import replace

import numpy as np
import pytest

from face_alignment_3d.errors import DataError
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.datasets.photos68 import MAX_RESIDUAL, open_photos68
from face_alignment_3d.training.data.training_data import HAND_LABELLED
from face_alignment_3d.training.evaluation.yaw_groups import yaw_groups
from face_alignment_3d.training.labels.lifted_labels import (
    EVALUATION_ONLY,
    lift_photos,
    load_lifted,
    save_lifted,
)
from face_alignment_3d.training.labels.lifting_report import lifting_report, lifting_sheet, lifting_table
from tests.training.synthetic_faces import face_model, posed_faces, write_photos68

COUNT = 5
BROKEN = 3


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Five faces; the points of one are scrambled, so that no face model fits them."""
    data = tmp_path_factory.mktemp("data")
    points, _ = posed_faces(COUNT, seed=5)
    points[BROKEN] = points[BROKEN, np.random.default_rng(0).permutation(68)]
    write_photos68(data, "helen_train", points)
    return open_photos68(data, "helen_train")


@pytest.fixture(scope="module")
def labels(photos):
    return lift_photos(photos, face_model())


def test_a_face_that_does_not_fit_is_marked(labels):
    assert labels.kept.tolist() == [index != BROKEN for index in range(COUNT)]
    assert labels.residual[BROKEN] > MAX_RESIDUAL


def test_labels_are_the_hands_points_where_they_are_seen(photos, labels):
    hand = photos.points68[:, FROM_68]
    np.testing.assert_array_equal(labels.labels66[:, 17:, :2], hand[:, 17:])
    np.testing.assert_array_equal(labels.labels66[:, :17, :2][~labels.far_jaw], hand[:, :17][~labels.far_jaw])
    fit = labels.points68[:, :17, :2][labels.far_jaw]
    np.testing.assert_array_equal(labels.labels66[:, :17, :2][labels.far_jaw], fit)
    np.testing.assert_allclose(labels.labels66[..., 2].mean(axis=1), 0, atol=1e-4)


def test_the_true_depth_comes_back(labels):
    truth, _ = posed_faces(COUNT, seed=5)
    eyes = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=-1)
    error = np.abs(labels.points68[..., 2] - truth[..., 2]).mean(axis=1) / eyes
    assert error[labels.kept].mean() < 0.04


@pytest.mark.parametrize(("name", "purpose"), [("afw", "evaluation only"), ("lfpw_train", "training")])
def test_only_training_sets_are_marked_for_training(photos, name, purpose):
    one = replace(
        photos, directory=photos.directory.parent / name, names=photos.names[:1], points68=photos.points68[:1]
    )
    assert lift_photos(one, face_model()).purpose == purpose


def test_no_set_is_for_both():
    assert not EVALUATION_ONLY & set(HAND_LABELLED)


def test_round_trip(tmp_path, labels):
    path = tmp_path / "set.npz"
    save_lifted(path, labels)
    assert list(tmp_path.iterdir()) == [path]
    read = load_lifted(path, purpose="training")
    assert (read.purpose, read.names) == (labels.purpose, labels.names)
    for name in ("points68", "labels66", "yaw", "residual", "far_jaw", "kept"):
        np.testing.assert_array_equal(getattr(read, name), getattr(labels, name))
        assert getattr(read, name).dtype == getattr(labels, name).dtype


def test_labels_for_evaluation_are_refused_to_training(tmp_path, labels):
    path = tmp_path / "afw.npz"
    save_lifted(path, replace(labels, purpose="evaluation only"))
    with pytest.raises(DataError, match=r"afw\.npz is marked 'evaluation only'"):
        load_lifted(path, purpose="training")
    assert load_lifted(path, purpose="evaluation only").purpose == "evaluation only"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("for", np.array("anything"), "marked"),
        ("points68", np.zeros((COUNT, 66, 3)), r"points68 of shape \(5, 68, 3\)"),
        ("yaw", np.full(COUNT, np.nan), "finite yaw"),
        ("kept", np.ones(COUNT), "expected bool as kept"),
        ("far_jaw", np.ones((COUNT, 16), bool), r"far_jaw of shape \(5, 17\)"),
    ],
)
def test_broken_files_are_named(tmp_path, labels, field, value, message):
    path = tmp_path / "set.npz"
    save_lifted(path, labels)
    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez(path, **{**arrays, field: value})
    with pytest.raises(DataError, match=message) as raised:
        load_lifted(path, purpose="training")
    assert str(path) in str(raised.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nothing\.npz"):
        load_lifted(tmp_path / "nothing.npz", purpose="training")


def test_points_that_span_no_face_are_named(photos):
    flat = photos.points68.copy()
    flat[2, :, 1] = 7.0
    with pytest.raises(DataError, match="face_2"):
        lift_photos(replace(photos, points68=flat), face_model())
    with pytest.raises(DataError, match="at least one"):
        lift_photos(replace(photos, names=(), points68=photos.points68[:0]), face_model())


def test_the_report_counts_and_names(labels):
    report = lifting_report(labels)
    assert report["for"] == "training"
    assert (report["faces"], report["kept"]) == (COUNT, COUNT - 1)
    assert [face["name"] for face in report["left_out"]] == [f"face_{BROKEN}"]
    assert sum(group["faces"] for group in report["by_yaw"].values()) == COUNT
    assert sum(group["kept"] for group in report["by_yaw"].values()) == COUNT - 1
    percent = 100 * labels.residual
    assert report["residual_percent"]["0.5"] == pytest.approx(np.median(percent), abs=1e-3)
    assert report["residual_percent"]["1"] == pytest.approx(percent.max(), abs=1e-3)
    table = lifting_table(report)
    assert f"{COUNT - 1} of {COUNT} faces fit" in table
    assert f"left out: face_{BROKEN} (" in table


def test_the_sheet_shows_each_face_on_its_photo_and_from_the_side(photos, labels):
    sheet = lifting_sheet(photos, labels, face_model(), spread=3, worst=1)
    assert sheet.shape == (240, 8 * 220, 3)
    side_views = [sheet[20:200, 220 * column + 20 : 220 * column + 200] for column in (1, 3, 5, 7)]
    for view in side_views:
        drawn = (view != view[0, 0]).any(axis=-1)
        assert 0.01 < drawn.mean() < 0.5
    # Looking to the right: the labels reach into the right half.
    green = (side_views[0].astype(int) - [90, 255, 130]).__abs__().sum(axis=-1) < 60
    assert np.flatnonzero(green.any(axis=0)).max() > 0.6 * 180


def test_faces_are_grouped_by_how_far_they_turn():
    groups = yaw_groups(np.array([0.0, -14.9, 15.0, -44.0, 80.0, -120.0]))
    assert list(groups) == ["0 to 15", "15 to 30", "30 to 45", "45 to 60", "60 to 75", "75 or more"]
    assert groups["0 to 15"].tolist() == [True, True, False, False, False, False]
    assert groups["75 or more"].tolist() == [False, False, False, False, True, True]
    assert np.stack(list(groups.values())).sum(axis=0).tolist() == [1] * 6
