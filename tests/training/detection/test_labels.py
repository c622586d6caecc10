"""Turned boxes around landmarks, and their file."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from face_alignment_3d.detection.oriented_boxes import OrientedBoxes
from face_alignment_3d.errors import DataError
from face_alignment_3d.pose.mean_face import MEAN_FACE
from face_alignment_3d.pose.rotation import rotation_by
from face_alignment_3d.training.detection.labels import (
    FILE_NAME,
    LabelledFaces,
    load_detection_labels,
    oriented_box,
    save_detection_labels,
)
from face_alignment_3d.training.detection.photos import ScenePhotos


@pytest.mark.parametrize("degrees", [0, 30, 90, 135, 180, -120])
@pytest.mark.parametrize("yaw", [0.0, 0.7, -1.4])
def test_the_box_turns_with_the_head(yaw: float, degrees: float) -> None:
    head = 50 * MEAN_FACE @ rotation_by(yaw, 0.2, 0.0).T
    level, roll = oriented_box(head)
    turn = np.deg2rad(degrees)
    cosine, sine = np.cos(turn), np.sin(turn)
    in_plane = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    moved = head @ in_plane.T + [70, 30, 0]
    box, turned_roll = oriented_box(moved)
    assert np.remainder(turned_roll - roll - turn + np.pi, 2 * np.pi) - np.pi == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(box[2:], level[2:], atol=1e-9)
    np.testing.assert_allclose(box[:2] - 0.5, in_plane[:2, :2] @ (level[:2] - 0.5) + [70, 30], atol=1e-9)


def test_an_upright_face_has_the_box_around_its_points() -> None:
    box, roll = oriented_box(40 * MEAN_FACE)
    low, high = 40 * MEAN_FACE[:, :2].min(axis=0), 40 * MEAN_FACE[:, :2].max(axis=0)
    assert roll == pytest.approx(0, abs=0.01)
    np.testing.assert_allclose(box, [*((low + high) / 2 + 0.5), *(high - low)], atol=0.5)


def _labels() -> LabelledFaces:
    boxes = OrientedBoxes(np.array([[3.0, 4], [5, 6]]), np.array([[1.0, 2], [3, 4]]), np.array([0.1, 3]))
    return LabelledFaces(
        ("a/1.jpg", "a/2.jpg"),
        ("00", "11"),
        np.array([1, 1]),
        boxes,
        np.array([1, 0.3], np.float32),
        np.array([0, 1], np.float32),
        np.array([0, -70], np.float32),
    )


def test_a_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    save_detection_labels(tmp_path / FILE_NAME, {"a": _labels()}, source={"version": "1"})
    loaded = load_detection_labels(tmp_path)["a"]
    assert (loaded.files, loaded.digests) == (("a/1.jpg", "a/2.jpg"), ("00", "11"))
    for name in ("photo", "roll_weights", "weights", "yaws"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(_labels(), name))
    for name in ("centers", "sides", "rolls"):
        np.testing.assert_array_equal(getattr(loaded.boxes, name), getattr(_labels().boxes, name))


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"detection_labels\.npz"):
        load_detection_labels(tmp_path)
    labels = _labels()
    labels.photo[:] = 7
    save_detection_labels(tmp_path / FILE_NAME, {"a": labels}, source={})
    with pytest.raises(DataError, match="indices of 2 photos"):
        load_detection_labels(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("sides", 0.0, "face 1, in a/2.jpg"),
        ("sides", -3.0, "width and a height"),
        ("sides", np.nan, "finite"),
        ("rolls", np.inf, "finite"),
        ("weights", 1.5, r"weights in \[0, 1\]"),
        ("roll_weights", -0.1, r"weights in \[0, 1\]"),
    ],
)
def test_faces_that_cannot_be_are_refused_by_name(
    tmp_path: Path, name: str, value: float, message: str
) -> None:
    labels = _labels()
    getattr(labels if "weights" in name else labels.boxes, name)[1] = value
    save_detection_labels(tmp_path / FILE_NAME, {"a": labels}, source={})
    with pytest.raises(DataError, match=message):
        load_detection_labels(tmp_path)


def test_each_photo_needs_a_digest(tmp_path: Path) -> None:
    labels = dataclasses.replace(_labels(), digests=("00",))
    save_detection_labels(tmp_path / FILE_NAME, {"a": labels}, source={})
    with pytest.raises(DataError, match="a digest for each of the 2 photos of a"):
        load_detection_labels(tmp_path)


def test_a_set_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="aflw, everyday, faces, helen_train, lfpw_train are missing"):
        ScenePhotos.read(tmp_path, {"wider_train": _labels()})
