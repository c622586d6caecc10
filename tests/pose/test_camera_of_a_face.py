"""A face knows the size of its image, and refuses cameras of other sizes."""

import numpy as np
import pytest
from skimage.data import astronaut

from face_alignment_3d import Face3D, FaceAligner3D
from face_alignment_3d.pose import Camera, landmarks_metric, rotation_by
from face_alignment_3d.pose.mean_face import MEAN_FACE


def _face(image_size: tuple[int, int] | None) -> Face3D:
    landmarks = (90 * MEAN_FACE @ rotation_by(20, 0, 0).T + [300, 200, 0]).astype(np.float32)
    ones = np.ones(66, np.float32)
    return Face3D(landmarks, ones, np.zeros(4, np.float32), None, image_size=image_size)


def test_landmarks_in_millimeters() -> None:
    face, camera = _face((480, 640)), Camera.assumed(height=480, width=640)
    points = face.landmarks_metric(camera)
    np.testing.assert_allclose(camera.project(points), face.landmarks[:, :2], atol=1e-3)
    np.testing.assert_array_equal(points, landmarks_metric(face.landmarks, camera))
    pose = face.perspective_pose(camera)
    np.testing.assert_allclose(pose.to_camera(pose.points_canonical), points)
    twice = face.landmarks_metric(camera, interpupillary_mm=126)
    np.testing.assert_allclose(twice, 2 * points)


@pytest.mark.parametrize("size", [(1080, 1920), (640, 480), (481, 640)])
def test_a_camera_of_another_size_is_refused(size: tuple[int, int]) -> None:
    height, width = size
    camera = Camera.assumed(height=height, width=width)
    for ask in (_face((480, 640)).perspective_pose, _face((480, 640)).landmarks_metric):
        with pytest.raises(ValueError, match=rf"of 640 x 480 pixels.*of {width} x {height}: camera.resized"):
            ask(camera)
    _face(None).perspective_pose(camera)
    _face((480, 640)).perspective_pose(camera.resized(height=480, width=640))


@pytest.mark.parametrize("columns", [512, 400])
def test_the_aligner_says_how_large_the_image_is(columns: int) -> None:
    image = astronaut()[:, :columns]
    (face,) = FaceAligner3D().detect(image, boxes=[[179, 90, 268, 178]])
    assert face.image_size == (512, columns)
    assert face.perspective_pose(Camera.assumed(height=512, width=columns)).translation[2] > 0
