"""Faces of scenes: boxes of hands, leans of the landmark network, doubts of the teacher."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from face_alignment_3d.detection.centerface import CENTERFACE_BOXES
from face_alignment_3d.detection.protocol import Detection
from face_alignment_3d.errors import DataError
from face_alignment_3d.face import Face3D
from face_alignment_3d.pose.mean_face import MEAN_FACE
from face_alignment_3d.training.detection.labelling import SCENE_HOLDOUT_EVERY, label_scenes
from face_alignment_3d.training.detection.labels import oriented_box

_LEAN = 0.5


def _landmarks(box: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """A head that leans by ``_LEAN``, in the middle of a box."""
    cosine, sine = np.cos(_LEAN), np.sin(_LEAN)
    head = MEAN_FACE @ np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]]).T
    head = head - (head.min(axis=0) + head.max(axis=0)) / 2
    head = head * ((box[2] - box[0]) / np.ptp(head[:, 0]))
    middle = (box[:2] + box[2:]) / 2
    return np.asarray(head + np.append(middle, 0))


class _Aligner:
    """Sees heads that lean, and is sure of those at the left."""

    def detect(self, _image: npt.NDArray[np.uint8], *, boxes: npt.NDArray[np.float32]) -> list[Face3D]:
        confidence = np.full(66, 0.9 if boxes[0, 0] < 100 else 0.1, np.float32)
        return [Face3D(_landmarks(boxes[0]).astype(np.float32), confidence, boxes[0], None)]


class _Teacher:
    """Sees the first face of a scene, and one that nobody labelled."""

    def detect(self, _image: npt.NDArray[np.uint8]) -> list[Detection]:
        first = (CENTERFACE_BOXES.apply(np.array([20.0, 20, 60, 70])) - 0.5).astype(np.float32)
        return [Detection(first, 0.75), Detection(np.array([140, 140, 160, 165], np.float32), 0.9)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    names = [f"scene{index}" for index in range(SCENE_HOLDOUT_EVERY + 1)]
    (tmp_path / "wider_train").mkdir()
    for name in names:
        assert cv2.imwrite(str(tmp_path / "wider_train" / f"{name}.webp"), np.zeros((200, 200, 3), np.uint8))
    # Of the scene after the first held-out one: a sure face, an unsure one, a tiny one and an invalid one.
    boxes = [[20, 20, 60, 70], [110, 20, 150, 70], [20, 120, 26, 128], [60, 120, 100, 170]]
    np.savez(
        tmp_path / "wider_train.npz",
        names=np.array(names),
        photo=np.ones(len(boxes), np.int64),
        boxes=np.array(boxes, np.float32),
        flags=np.array([[0] * 6, [0] * 6, [0] * 6, [0, 0, 0, 1, 0, 0]]),
    )
    return tmp_path


def test_faces_of_a_scene(data: Path) -> None:
    looked_at: list[int] = []
    found = label_scenes(data, _Aligner(), _Teacher(), looked_at.append)  # type: ignore[arg-type]
    assert len(found.files) == len(looked_at) == SCENE_HOLDOUT_EVERY - 1
    assert found.files[0] == "wider_train/scene1.webp"
    of_scene = np.flatnonzero(found.photo == 0)
    assert len(of_scene) == 5
    reference = CENTERFACE_BOXES.apply(np.array([[20.0, 20, 60, 70], [110, 20, 150, 70], [20, 120, 26, 128]]))
    sure, roll = oriented_box(_landmarks(reference[0] - 0.5))
    np.testing.assert_allclose(found.boxes.centers[0], sure[:2], atol=1e-3)
    np.testing.assert_allclose(found.boxes.sides[0], sure[2:], atol=1e-3)
    assert found.boxes.rolls[0] == pytest.approx(roll, abs=1e-4)
    for index in (1, 2):  # Not sure, or too small to be asked: the hand's box, presumed upright.
        low, high = reference[index, :2], reference[index, 2:]
        np.testing.assert_allclose(found.boxes.centers[index], (low + high) / 2, atol=1e-3)
        np.testing.assert_allclose(found.boxes.sides[index], high - low, atol=1e-3)
        assert found.boxes.rolls[index] == 0
    np.testing.assert_allclose(found.roll_weights[:5], [1, 0.3, 0.3, 1, 0], atol=1e-6)
    # The teacher's score, its silence, an invalid box, and a face that nobody labelled.
    np.testing.assert_allclose(found.weights[:5], [0.4 + 0.6 * 0.75, 0.4, 0.4, 0, 0], atol=1e-6)
    np.testing.assert_allclose(found.boxes.centers[4], [150.5, 153], atol=1e-3)


def test_held_out_scenes_are_not_read(data: Path) -> None:
    (data / "wider_train" / "scene0.webp").write_bytes(b"no picture")
    found = label_scenes(data, _Aligner(), _Teacher(), lambda _: None)  # type: ignore[arg-type]
    assert not {"wider_train/scene0.webp", "wider_train/scene10.webp"} & set(found.files)


def test_scenes_that_are_missing_are_named(data: Path) -> None:
    (data / "wider_train" / "scene3.webp").unlink()
    with pytest.raises(DataError, match=r"scene3\.webp"):
        label_scenes(data, _Aligner(), _Teacher(), lambda _: None)  # type: ignore[arg-type]
