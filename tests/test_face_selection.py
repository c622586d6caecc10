"""Candidates of several images, with a network that knows the answers."""

import math

import numpy as np
import pytest
import skimage.data

from face_alignment_3d import Detection, FaceAligner3D
from face_alignment_3d.backends.protocol import CropSource
from face_alignment_3d.boxes import FaceBox
from face_alignment_3d.crop import Crop
from face_alignment_3d.face import Face3D
from face_alignment_3d.face_selection import selected_faces
from face_alignment_3d.face_views import FaceView

BATCH = 4


class Network:
    """Confident by the x of a candidate's box; its landmarks fill the box."""

    def __init__(self, confidence: dict[float, float]) -> None:
        self.confidence = confidence
        self.looks: list[list[float]] = []

    def __call__(self, views: list[FaceView]) -> list[Face3D]:
        self.looks.append([float(view.face.box[0]) for view in views])
        faces = []
        for view in views:
            x0, y0, x1, y1 = view.face.box
            corners = np.array([[x0, y0, 0], [x1, y1, 0]], np.float32)
            landmarks = np.concatenate([corners, np.repeat(corners[:1], 64, axis=0)])
            confidence = np.full(66, self.confidence[float(x0)], np.float32)
            faces.append(Face3D(landmarks, confidence, view.face.box, view.face.score))
        return faces


def view(x: float, score: float | None, side: float = 50) -> FaceView:
    box = np.array([x, 0, x + side, side], np.float32)
    crop = Crop(x, 0, side, 8)
    source = CropSource(np.zeros((100, 100, 3), np.uint8), crop)
    return FaceView(FaceBox(box, score, 0.0), crop, (100, 100), source)


def found(images: list[list[FaceView]], network: Network, min_confidence: float = 0.25) -> list[list[float]]:
    faces = selected_faces(images, network, batch_size=BATCH, min_confidence=min_confidence)
    return [[float(face.box[0]) for face in of_image] for of_image in faces]


def test_another_angle_is_tried_where_the_first_is_no_sure_face() -> None:
    network = Network({0: 0.1, 1: 0.6, 100: 0.6, 101: 0.5})
    images = [[view(0, 0.99), view(1, 0.98)], [view(100, 0.99), view(101, 0.98)], []]
    assert found(images, network) == [[1], [100], []]
    assert network.looks == [[0, 100], [1]]


def test_no_face_below_the_threshold_and_all_with_0() -> None:
    images = [[view(0, 0.9), view(100, 0.9)]]
    assert found(images, Network({0: 0.1, 100: 0.3})) == [[100]]
    assert found(images, Network({0: 0.1, 100: 0.3}), 0.0) == [[100, 0]]


def test_given_boxes_are_all_kept_in_their_order() -> None:
    images = [[view(0, None, 20), view(1, None, 50), view(200, None, 90)]]
    assert found(images, Network({0: 0.0, 1: 0.01, 200: 0.6})) == [[0, 1, 200]]


def test_images_share_batches() -> None:
    network = Network({float(x): 0.6 for x in range(0, 2000, 100)})
    images = [[view(100.0 * (3 * i + k), 0.9) for k in range(3 if i else 1)] for i in range(4)]
    assert [len(faces) for faces in found(images, network)] == [1, 3, 3, 3]
    assert [len(look) for look in network.looks if look] == [4, 6]


class AtBothAngles:
    """The astronaut's face as two candidates, the upside-down one with the better score."""

    def detect(self, image_rgb: np.ndarray) -> list[Detection]:
        box = np.array([179.0, 90, 268, 178])
        return [Detection(box, 0.99, roll=math.pi), Detection(box, 0.9)]


@pytest.mark.parametrize("many", [False, True])
def test_the_network_tells_how_a_head_stands(many: bool) -> None:
    photo = np.asarray(skimage.data.astronaut())
    aligner = FaceAligner3D(device="cpu", detector=AtBothAngles())
    (face,) = next(aligner.align_many([photo])).faces if many else aligner.detect(photo)
    (expected,) = aligner.detect(photo, boxes=[face.box])
    assert face.score == pytest.approx(0.9)
    assert face.certainty > 0.5
    np.testing.assert_allclose(face.landmarks, expected.landmarks, atol=0.05)


def test_min_confidence_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"min_confidence must lie in \[0, 1\]; got 1.5"):
        FaceAligner3D(min_confidence=1.5)
