"""Blendshapes where they were asked for: from photos, and in videos from the smoothed points."""

import numpy as np
import pytest
import skimage.data

from face_alignment_3d import FaceAligner3D, VideoAligner3D
from face_alignment_3d.blendshapes import BlendshapeEstimator
from face_alignment_3d.crop import box_around
from face_alignment_3d.face import Face3D
from face_alignment_3d.pose.mean_face import MEAN_FACE

#: Around the astronaut's face, in pixels.
BOX = [[178, 88, 269, 174]]


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return skimage.data.astronaut()


def test_a_laughing_woman_smiles_on_both_sides(photo: np.ndarray) -> None:
    (face,) = FaceAligner3D(blendshapes=True, device="cpu", offline=True).detect(photo, boxes=BOX)
    assert face.blendshapes is not None
    assert min(face.blendshapes["mouthSmileLeft"], face.blendshapes["mouthSmileRight"]) > 0.7
    assert max(face.blendshapes["mouthFrownLeft"], face.blendshapes["eyeBlinkLeft"]) < 0.3


def test_an_estimator_of_ones_own_is_used_as_it_is(photo: np.ndarray) -> None:
    (plain,) = FaceAligner3D(device="cpu", offline=True).detect(photo, boxes=BOX)
    assert plain.blendshapes is None
    own = BlendshapeEstimator(offline=True).calibrated(plain)
    (face,) = FaceAligner3D(blendshapes=own, device="cpu", offline=True).detect(photo, boxes=BOX)
    assert face.blendshapes is not None
    assert np.nanmax(face.blendshapes.array) < 1e-6  # Her laugh is what she looks like at rest.


class _Nodding:
    """Finds one face, which trembles."""

    def __init__(self, estimator: BlendshapeEstimator) -> None:
        self.blendshape_estimator = estimator
        self._random = np.random.default_rng(0)

    def detect(self, image: np.ndarray, *, boxes: np.ndarray | None = None) -> list[Face3D]:
        points = 60 * (MEAN_FACE + self._random.normal(0, 0.02, MEAN_FACE.shape)) + [160, 100, 0]
        points = points.astype(np.float32)
        confidence = np.full(66, 0.8, np.float32)
        box = box_around(points)
        return [Face3D(points, confidence, box, 0.9)]

    def detect_batch(self, images: list, *, boxes: list | None = None) -> list[list[Face3D]]:
        return [self.detect(image) for image in images]


def test_in_videos_they_follow_the_smoothed_points() -> None:
    estimator = BlendshapeEstimator(offline=True)
    tracker = VideoAligner3D(_Nodding(estimator))
    frame = np.full((240, 320, 3), 90, np.uint8)
    for index in range(6):
        (face,) = tracker.track(frame, time=index / 30)
    assert face.blendshapes is not None
    np.testing.assert_array_equal(face.blendshapes.array, estimator.estimate(face).array)
    raw = _Nodding(estimator).detect(frame)[0]
    assert not np.array_equal(raw.landmarks, face.landmarks)
