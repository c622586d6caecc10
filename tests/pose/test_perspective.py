"""A cube on the head lands on the same pixels by every convention; known cameras see known heads."""

from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from face_alignment_3d.errors import LandmarksError
from face_alignment_3d.face import Face3D
from face_alignment_3d.pose import Camera, PerspectivePose, landmarks_metric, rotation_by, solve_perspective
from face_alignment_3d.pose.mean_face import MEAN_FACE

_CAMERA = Camera(fx=1100, fy=1050, cx=610, cy=350, width=1280, height=720)
_UNIT = 63 / 0.7303  # Millimeters in an inter-ocular distance of the mean face.
_CUBE = np.array([(x, y, z) for x in (-50.0, 50.0) for y in (-50.0, 50.0) for z in (-120.0, -20.0)])


def _pose(camera: Camera = _CAMERA) -> PerspectivePose:
    return PerspectivePose(rotation_by(25, -12, 8), np.array([90.0, -40.0, 700.0]), 86.0, MEAN_FACE, camera)


def _pinhole(points: npt.NDArray[np.float64], camera: Camera = _CAMERA) -> npt.NDArray[np.float64]:
    """The pixels of points in front of a camera without distortion."""
    x, y, z = points.T
    return np.column_stack([camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy])


def _orthographic_z(
    pixels: npt.NDArray[np.float64],
    rotation: npt.NDArray[np.float64],
    shape: npt.NDArray[np.float64] = MEAN_FACE,
) -> npt.NDArray[np.float64]:
    """z as labels for training get it: of the scaled orthographic view of the head most like ``pixels``."""

    def view(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return values[3] * shape @ Rotation.from_rotvec(values[:3]).as_matrix().T

    def rest(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray((view(values)[:, :2] + values[4:] - pixels) / values[3]).ravel()

    start = [*Rotation.from_matrix(rotation).as_rotvec(), np.ptp(pixels[:, 1]) / 1.6, *pixels.mean(axis=0)]
    z = view(least_squares(rest, start).x)[:, 2]
    return np.asarray(z - z.mean())


def _seen(
    rotation: npt.NDArray[np.float64], position: npt.NDArray[np.float64], camera: Camera = _CAMERA
) -> npt.NDArray[np.float64]:
    """The mean face as an aligner would report it."""
    pixels = _pinhole(_UNIT * MEAN_FACE @ rotation.T + position, camera)
    return np.column_stack([pixels, _orthographic_z(pixels, rotation)])


def _turned(found: npt.NDArray[np.float64], true: npt.NDArray[np.float64]) -> float:
    return float(np.degrees(Rotation.from_matrix(found @ true.T).magnitude()))


def _homogeneous(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.column_stack([points, np.ones(len(points))]).T


def _by_opencv(pose: PerspectivePose) -> npt.NDArray[np.float64]:
    matrix = pose.model_view("opencv")
    vector, _ = cv2.Rodrigues(matrix[:3, :3])
    pixels, _ = cv2.projectPoints(_CUBE, vector, matrix[:3, 3], _CAMERA.matrix, None)
    return np.asarray(pixels, np.float64).reshape(-1, 2)


def _by_opengl(pose: PerspectivePose) -> npt.NDArray[np.float64]:
    """As OpenGL draws: clip space, divide, and a viewport of the image's size with y up."""
    cube = _homogeneous(_CUBE * [1, -1, -1])
    clip = _CAMERA.opengl_projection(near=10, far=5000) @ pose.model_view("opengl") @ cube
    assert (np.abs(clip[:3]) < clip[3]).all()  # Nothing is clipped.
    x, y, _ = clip[:3] / clip[3]
    return np.column_stack([(x + 1) / 2 * 1280 - 0.5, (1 - y) / 2 * 720 - 0.5])


def _by_unity(pose: PerspectivePose) -> npt.NDArray[np.float64]:
    """As a left-handed camera that looks along +z, with y up."""
    x, y, z, _ = pose.model_view("unity") @ _homogeneous(_CUBE * [1, -1, 1])
    assert (z > 0).all()
    return np.column_stack([_CAMERA.fx * x / z + _CAMERA.cx, _CAMERA.cy - _CAMERA.fy * y / z])


def test_a_cube_by_every_convention() -> None:
    pose = _pose()
    pixels = _by_opencv(pose)
    assert np.ptp(pixels, axis=0).min() > 100
    np.testing.assert_allclose(pose.project(_CUBE / 86.0), pixels, atol=1e-6)
    np.testing.assert_allclose(_by_opengl(pose), pixels, atol=1e-6)
    np.testing.assert_allclose(_by_unity(pose), pixels, atol=1e-6)


@pytest.mark.parametrize("convention", ["opencv", "opengl", "unity"])
def test_matrices_are_rigid_and_a_head_that_faces_the_camera_is_not_turned(
    convention: Literal["opencv", "opengl", "unity"],
) -> None:
    matrix = _pose().model_view(convention)
    np.testing.assert_allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1)
    np.testing.assert_array_equal(matrix[3], [0, 0, 0, 1])
    ahead = PerspectivePose(np.eye(3), np.array([0, 0, 500.0]), 86.0, MEAN_FACE, _CAMERA).model_view(
        convention
    )
    np.testing.assert_array_equal(ahead[:3, :3], np.eye(3))
    assert ahead[2, 3] == {"opencv": 500, "opengl": -500, "unity": 500}[convention]


def test_units() -> None:
    in_meters = _pose().model_view("opengl", unit="m")
    np.testing.assert_allclose(in_meters[:3, 3], [0.09, 0.04, -0.7])
    np.testing.assert_array_equal(in_meters[:3, :3], _pose().model_view("opengl")[:3, :3])


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match=r"opencv, opengl, unity; got 'directx'"):
        _pose().model_view("directx")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"mm, m; got 'inch'"):
        _pose().model_view(unit="inch")  # type: ignore[arg-type]


@pytest.mark.parametrize("distance", [250, 400, 700, 2000])
@pytest.mark.parametrize("angles", [(0, 0, 0), (30, -10, 15), (-60, 15, -30), (60, 0, 0)])
@pytest.mark.parametrize("pixel", [(960, 540), (200, 150), (1700, 1000)])
def test_a_known_head_before_a_known_camera(
    distance: float, angles: tuple[float, float, float], pixel: tuple[float, float]
) -> None:
    camera = Camera(fx=1500, fy=1450, cx=960, cy=540, width=1920, height=1080)
    rotation = rotation_by(*angles)
    ray = np.array([(pixel[0] - camera.cx) / camera.fx, (pixel[1] - camera.cy) / camera.fy, 1])
    position = distance * ray / np.linalg.norm(ray)
    landmarks = _seen(rotation, position, camera)
    pose = solve_perspective(landmarks, camera)
    assert _turned(pose.rotation, rotation) < 0.05
    assert np.linalg.norm(pose.translation - position) < 0.002 * distance
    assert np.linalg.det(pose.rotation) == pytest.approx(1)
    metric = landmarks_metric(landmarks, camera)
    np.testing.assert_allclose(metric, _UNIT * MEAN_FACE @ rotation.T + position, atol=0.01 * distance)
    np.testing.assert_allclose(camera.project(metric), landmarks[:, :2], atol=1e-6)
    np.testing.assert_allclose(pose.points_canonical, MEAN_FACE, atol=0.05)


@pytest.mark.parametrize("z_axis", ["along the ray", "along the optical axis", "flat"])
@pytest.mark.parametrize("distance", [250, 600])
def test_the_pose_of_a_known_head_does_not_hang_on_the_meaning_of_z(z_axis: str, distance: float) -> None:
    rotation, position = rotation_by(35, -10, 20), distance * np.array([0.4, -0.2, 0.9])
    points = _UNIT * MEAN_FACE @ rotation.T + position
    depth = points @ (position / np.linalg.norm(position)) if z_axis == "along the ray" else points[:, 2]
    z = (depth - depth.mean()) * _CAMERA.fx / position[2] * (z_axis != "flat")
    pose = solve_perspective(np.column_stack([_pinhole(points), z]), _CAMERA)
    assert _turned(pose.rotation, rotation) < 0.05
    assert np.linalg.norm(pose.translation - position) < 0.002 * distance


@pytest.mark.parametrize("distance", [350, 900])
def test_z_helps_where_x_and_y_are_uncertain(distance: float) -> None:
    with_z, without = [], []
    for seed in range(12):
        generator = np.random.default_rng(seed)
        rotation = rotation_by(*generator.uniform(-30, 30, 3))
        landmarks = _seen(rotation, np.array([0.0, 0.0, distance]))
        landmarks[:, :2] += generator.normal(0, 0.02 * np.ptp(landmarks[:, 1]), (66, 2))
        found, vector, _ = cv2.solvePnP(
            _UNIT * MEAN_FACE, np.ascontiguousarray(landmarks[:, :2]), _CAMERA.matrix, None
        )
        assert found
        with_z.append(_turned(solve_perspective(landmarks, _CAMERA).rotation, rotation))
        without.append(_turned(cv2.Rodrigues(vector)[0], rotation))
    assert np.mean(with_z) < 0.9 * np.mean(without)


@pytest.mark.parametrize("distance", [300, 1500])
def test_a_head_of_another_shape_keeps_its_relief(distance: float) -> None:
    shape = MEAN_FACE + [0, 0, -0.08] * np.isin(np.arange(66), range(27, 31))[:, None]  # A longer nose.
    rotation, position = rotation_by(40, 0, 0), np.array([40.0, 0.0, distance])
    pixels = _pinhole(_UNIT * shape @ rotation.T + position)
    landmarks = np.column_stack([pixels, _orthographic_z(pixels, rotation, shape)])
    pose = solve_perspective(landmarks, _CAMERA)
    assert _turned(pose.rotation, rotation) < 3
    longer = (pose.points_canonical - MEAN_FACE)[:, 2]
    assert longer[27:31].mean() - longer.mean() == pytest.approx(-0.08, abs=0.03)


def test_solvepnp_agrees() -> None:
    shape = MEAN_FACE + np.random.default_rng(0).normal(0, 0.03, (66, 3))
    points = _UNIT * shape @ rotation_by(30, -8, 12).T + [150, -90, 500]
    z = (points[:, 2] - points[:, 2].mean()) * _CAMERA.fx / 500
    pose = solve_perspective(np.column_stack([_CAMERA.project(points), z]), _CAMERA)
    model = pose.points_canonical * pose.millimeters_per_unit
    found, vector, position = cv2.solvePnP(
        model, pose.project(pose.points_canonical), _CAMERA.matrix, None, flags=cv2.SOLVEPNP_SQPNP
    )
    assert found
    np.testing.assert_allclose(cv2.Rodrigues(vector)[0], pose.rotation, atol=1e-6)
    np.testing.assert_allclose(position[:, 0], pose.translation, atol=1e-3)


def test_distances_follow_the_eyes() -> None:
    landmarks = _seen(np.eye(3), np.array([0.0, 0.0, 800.0]))
    adult = solve_perspective(landmarks, _CAMERA)
    child = solve_perspective(landmarks, _CAMERA, interpupillary_mm=50)
    assert adult.translation[2] == pytest.approx(800, rel=0.01)
    np.testing.assert_allclose(child.translation, adult.translation * 50 / 63, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(child.rotation, adult.rotation, atol=1e-4)
    eyes = [adult.to_camera(MEAN_FACE[start : start + 6]).mean(axis=0) for start in (36, 42)]
    assert np.linalg.norm(eyes[1] - eyes[0]) == pytest.approx(63, abs=1e-6)


def test_distortion_is_accounted_for() -> None:
    bent = Camera(
        fx=1100, fy=1050, cx=610, cy=350, width=1280, height=720, distortion=(-0.25, 0.08, 0.001, 0, 0)
    )
    rotation, position = rotation_by(20, 5, 0), np.array([280.0, -120.0, 700.0])
    landmarks = _seen(rotation, position)
    vector = Rotation.from_matrix(rotation).as_rotvec()
    seen, _ = cv2.projectPoints(
        _UNIT * MEAN_FACE, vector, position, _CAMERA.matrix, np.array(bent.distortion)
    )
    landmarks[:, :2] = np.asarray(seen).reshape(-1, 2)
    through, without = (solve_perspective(landmarks, camera) for camera in (bent, _CAMERA))
    error, ignorant = (np.linalg.norm(pose.translation - position) for pose in (through, without))
    assert error < 0.001 * 700
    assert _turned(through.rotation, rotation) < 0.05
    assert error < ignorant


def test_on_the_face_and_angles() -> None:
    landmarks = _seen(rotation_by(-20, 4, 2), np.array([0.0, 0.0, 900.0])).astype(np.float32)
    face = Face3D(landmarks, np.ones(66, np.float32), np.zeros(4, np.float32), None)
    pose = face.perspective_pose(_CAMERA)
    np.testing.assert_allclose(pose.angles, (-20, 4, 2), atol=0.5)
    assert np.linalg.norm(pose.quaternion) == pytest.approx(1)


def test_landmarks_without_a_pose() -> None:
    with pytest.raises(LandmarksError, match="on a line"):
        solve_perspective(np.zeros((66, 3)), _CAMERA)
    with pytest.raises(ValueError, match="interpupillary_mm"):
        solve_perspective(MEAN_FACE, _CAMERA, interpupillary_mm=0)


def test_a_face_cannot_reach_behind_the_camera() -> None:
    landmarks = _seen(np.eye(3), np.array([0.0, 0.0, 800.0])) * [1, 1, 40]
    with pytest.raises(LandmarksError, match="in front of the camera"):
        solve_perspective(landmarks, _CAMERA)


#: A rational lens with thin prisms and a tilted sensor; its first 8 and 12 numbers are lenses, too.
_LENS = (0.3, 0.05, 0.001, -0.002, 0.01, 0.6, 0.2, 0.02, 0.001, -0.002, 0.003, 0.001, 0.05, -0.04)


@pytest.mark.parametrize(
    "distortion",
    [(), (-0.25, 0.08, 0.001, 0.0), (-0.25, 0.08, 0.001, 0.0, 0.0), _LENS[:8], _LENS[:12], _LENS],
    ids=len,
)
def test_rays_undo_the_projection(distortion: tuple[float, ...]) -> None:
    camera = Camera(fx=1100, fy=1050, cx=610, cy=350, width=1280, height=720, distortion=distortion)
    grid = np.stack(np.meshgrid([0, 300, 640, 1279], [0, 200, 719]), axis=-1).reshape(-1, 2)
    rays = camera.rays(grid)
    assert (rays[:, 2] == 1).all()
    np.testing.assert_allclose(camera.project(7 * rays), grid, atol=2e-3)
    assert camera.rays(np.zeros((0, 2))).shape == (0, 3)
    assert camera.project(np.zeros((0, 3))).shape == (0, 2)


@pytest.mark.parametrize(
    "given",
    [list(_LENS[:5]), np.array(_LENS[:5]), np.array([_LENS[:5]]), np.array([_LENS[:5]]).T],
    ids=["list", "vector", "row, of OpenCV 4", "column"],
)
def test_coefficients_as_opencv_returns_them(given: object) -> None:
    values = {"fx": 900.0, "fy": 900.0, "cx": 639.5, "cy": 359.5, "width": 1280, "height": 720}
    camera = Camera(**values, distortion=given)  # type: ignore[arg-type]
    assert camera == Camera(**values, distortion=_LENS[:5])  # type: ignore[arg-type]
    assert hash(camera) == hash(Camera(**values, distortion=_LENS[:5]))  # type: ignore[arg-type]
    assert Camera(**values, distortion=None).distortion == ()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "distortion", [(-0.4, 0.2, 0, 0, -0.05), (-0.9, 0, 0, 0), (-0.3, 0.1, 0, 0, -0.02, 0.1, 0.05, 0.01)]
)
def test_pixels_that_a_lens_does_not_reach(distortion: tuple[float, ...]) -> None:
    """Coefficients of another camera, or in another order: the lens's curve turns back in the picture."""
    camera = Camera(fx=500, fy=500, cx=639.5, cy=359.5, width=1280, height=720, distortion=distortion)
    assert np.abs(camera.project(camera.rays(np.array([[700.0, 400]]))) - [700, 400]).max() < 1e-3
    with pytest.raises(LandmarksError, match=r"x 1279, y 719 lies where a lens .* in OpenCV's order"):
        camera.rays(np.array([[700.0, 400], [1279, 719]]))


def test_a_camera_of_the_same_picture_in_another_size() -> None:
    small = _CAMERA.resized(height=180, width=640)
    points = np.array([[20.0, -30, 500], [-90, 40, 700], [0, 0, 300]])
    expected = (_CAMERA.project(points) + 0.5) * [640 / 1280, 180 / 720] - 0.5
    np.testing.assert_allclose(small.project(points), expected, atol=1e-9)
    assert (small.height, small.width) == (180, 640)
    np.testing.assert_allclose(small.resized(height=720, width=1280).matrix, _CAMERA.matrix)


def test_cameras() -> None:
    camera = Camera.from_field_of_view(90, width=640, height=480)
    assert camera.fx == camera.fy == pytest.approx(320)
    assert (camera.cx, camera.cy) == (319.5, 239.5)
    # The edges of the picture are half a pixel beyond the centers of its outermost pixels.
    np.testing.assert_allclose(camera.project(np.array([[1.0, 0, 1], [-1, 0, 1]]))[:, 0], [639.5, -0.5])
    assert Camera.assumed(width=640, height=480).fx == 640
    assert Camera.assumed(width=480, height=640).fx == 640


@pytest.mark.parametrize(
    "wrong",
    [
        {"fx": 0},
        {"cy": float("nan")},
        {"width": -1},
        {"fy": "900"},
        {"cx": None},
        {"distortion": (0, float("inf"), 0, 0)},
        {"distortion": "0, 0, 0, 0"},
    ],
)
def test_impossible_cameras(wrong: dict[str, object]) -> None:
    values = {"fx": 1.0, "fy": 1.0, "cx": 0.0, "cy": 0.0, "width": 5, "height": 5, **wrong}
    with pytest.raises(ValueError, match="above 0"):
        Camera(**values)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="4, 5, 8"):
        Camera(fx=1, fy=1, cx=0, cy=0, width=5, height=5, distortion=(1, 2))
    with pytest.raises(ValueError, match="180"):
        Camera.from_field_of_view(180, width=5, height=5)
    with pytest.raises(ValueError, match="near"):
        _CAMERA.opengl_projection(near=1, far=1)
