"""MTCNN's later networks are asked about the scout's doubtful candidates, and about nothing else."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.detection.combined import CombinedDetector, refereed
from face_alignment_3d.detection.oriented_boxes import OrientedBoxes
from face_alignment_3d.detection.scout.search import Found
from face_alignment_3d.errors import ImageError


def _boxes(lefts: Sequence[float], size: float = 30.0) -> OrientedBoxes:
    corners = np.array(lefts, np.float64)[:, None]
    return OrientedBoxes.upright(np.concatenate([corners, corners, corners + size, corners + size], axis=1))


class _Scout:
    """Finds what its photo's first pixel says."""

    photos_at_a_time = 1

    def __init__(self, scores: dict[int, list[float]]) -> None:
        self.scores = scores

    def find_batch(self, images: Sequence[npt.NDArray[np.uint8]]) -> list[Found]:
        found = [np.array(self.scores.get(int(image[0, 0, 0]), [])) for image in images]
        return [Found(_boxes(40.0 * np.arange(len(scores))), scores) for scores in found]


class _MTCNN:
    """Confirms everything, with boxes moved by 5 pixels, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, list[float]]] = []

    def verify_batch(
        self, images: Sequence[npt.NDArray[np.uint8]], candidates: Sequence[OrientedBoxes]
    ) -> list[tuple[OrientedBoxes, npt.NDArray[np.float64]]]:
        self.asked += [
            (int(image[0, 0, 0]), boxes.centers[:, 0].tolist())
            for image, boxes in zip(images, candidates, strict=True)
        ]
        return [
            (OrientedBoxes(boxes.centers + 5, boxes.sides, boxes.rolls), np.full(len(boxes), 0.97))
            for boxes in candidates
        ]


def _photo(mark: int) -> npt.NDArray[np.uint8]:
    return np.full((8, 8, 3), mark, np.uint8)


def test_mtcnn_sees_the_candidates_in_doubt_alone() -> None:
    detector: Any = CombinedDetector(sure=0.5, doubtful=0.1)
    mtcnn = _MTCNN()
    detector._scout, detector._mtcnn = _Scout({1: [0.9, 0.6], 2: [0.9, 0.2], 3: [], 4: [0.3]}), mtcnn
    found = detector.detect_batch([_photo(mark) for mark in (1, 2, 3, 4)])
    assert mtcnn.asked == [(2, [55.0]), (4, [15.0])]
    assert [[face.score for face in faces] for faces in found] == [[0.9, 0.6], [0.97, 0.9], [], [0.97]]
    np.testing.assert_allclose(found[1][0].box, np.array([45, 45, 75, 75]) - 0.5)
    assert [face.score for face in detector.detect(_photo(2))] == [0.97, 0.9]


def test_the_referee_confirms_keeps_and_drops() -> None:
    scores = np.array([0.9, 0.7, 0.65, 0.5, 0.4])
    boxes = _boxes([0.0, 40, 80, 120, 160])
    rolls = np.linspace(0, 2, 5)
    found = Found(OrientedBoxes(boxes.centers, boxes.sides, rolls), scores)
    asked = _boxes([41.0, 81, 121, 161], size=20.0)
    decided = refereed(found, asked, np.array([0.1, 0.75, 0.99, 0.1]), sure=0.8)
    # Sure; unconfirmed but nearly sure; confirmed twice, with the better score; unconfirmed, dropped.
    np.testing.assert_allclose(decided.scores, [0.99, 0.9, 0.75, 0.7])
    np.testing.assert_allclose(decided.boxes.sides[:, 0], [20, 30, 20, 30])
    np.testing.assert_allclose(decided.boxes.rolls, rolls[[3, 0, 2, 1]])


def test_a_confirmed_box_that_has_collapsed_is_not_taken() -> None:
    found = Found(_boxes([0.0]), np.array([0.65]))
    empty = OrientedBoxes(np.zeros((1, 2)), np.zeros((1, 2)), np.zeros(1))
    decided = refereed(found, empty, np.array([0.99]))
    np.testing.assert_allclose(decided.boxes.sides, [[30, 30]])
    np.testing.assert_allclose(decided.scores, [0.65])


@pytest.mark.parametrize(("doubtful", "sure"), [(0, 0.5), (0.6, 0.5), (0.1, 1), (np.nan, 0.5)])
def test_scores_out_of_order_are_refused(doubtful: float, sure: float) -> None:
    with pytest.raises(ValueError, match="0 < doubtful <= sure < 1"):
        CombinedDetector(doubtful=doubtful, sure=sure)


def test_the_aligner_takes_it_by_name_in_both_runtimes() -> None:
    photo = np.asarray(skimage.data.astronaut())
    faces = [
        FaceAligner3D(backend=backend, device="cpu", detector="combined").get_landmarks(photo)
        for backend in ("torch", "onnx")
    ]
    assert [len(one) for one in faces] == [1, 1]
    np.testing.assert_allclose(faces[0], faces[1], atol=0.05)
    with pytest.raises(ImageError):
        CombinedDetector().detect(photo.astype(np.float32))  # type: ignore[arg-type]


def test_a_referee_shown_a_turned_head_confirms_it() -> None:
    """MTCNN's networks know upright faces; the scout's roll makes them so."""
    photo = np.ascontiguousarray(np.rot90(np.asarray(skimage.data.astronaut()), 2))
    detector = CombinedDetector(backend="onnx", sure=0.99)
    best = detector.detect(photo)[0]
    height, width = photo.shape[:2]
    (upright,) = (face for face in detector.detect(np.asarray(skimage.data.astronaut())) if face.score > 0.9)
    np.testing.assert_allclose(
        best.box[[2, 3, 0, 1]], np.array([width, height] * 2) - 1 - upright.box, atol=6
    )
    assert best.score > 0.9
