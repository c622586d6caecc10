"""MTCNN is asked where the scout is in doubt, and nowhere else."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.detection.combined import CombinedDetector
from face_alignment_3d.detection.protocol import Detection
from face_alignment_3d.errors import ImageError

_BOX = np.array([1, 2, 30, 40], np.float32)


class _Stub:
    """Finds what its photo's first pixel says, and counts photos."""

    photos_at_a_time = 1

    def __init__(self, scores: dict[int, list[float]]) -> None:
        self.scores = scores
        self.seen: list[int] = []

    def load(self) -> None: ...

    def detect_batch(self, images: Sequence[npt.NDArray[np.uint8]]) -> list[list[Detection]]:
        marks = [int(image[0, 0, 0]) for image in images]
        self.seen += marks
        return [[Detection(_BOX, score) for score in self.scores.get(mark, [])] for mark in marks]


def _combined(scout: _Stub, mtcnn: _Stub) -> CombinedDetector:
    detector: Any = CombinedDetector(sure=0.5, doubtful=0.1)
    detector._scout, detector._mtcnn = scout, mtcnn
    return detector  # type: ignore[no-any-return]


def _photo(mark: int) -> npt.NDArray[np.uint8]:
    return np.full((8, 8, 3), mark, np.uint8)


def test_mtcnn_sees_the_photos_in_doubt_alone() -> None:
    scout = _Stub({1: [0.9, 0.6], 2: [0.9, 0.2], 3: [], 4: [0.3]})
    mtcnn = _Stub({2: [0.97], 4: [], 1: [0.99]})
    found = _combined(scout, mtcnn).detect_batch([_photo(mark) for mark in (1, 2, 3, 4)])
    assert mtcnn.seen == [2, 4]
    assert [[face.score for face in faces] for faces in found] == [[0.9, 0.6], [0.9, 0.2, 0.97], [], [0.3]]


def test_a_single_photo_is_a_batch_of_one() -> None:
    scout, mtcnn = _Stub({2: [0.2]}), _Stub({2: [0.7]})
    assert [face.score for face in _combined(scout, mtcnn).detect(_photo(2))] == [0.2, 0.7]


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
