import numpy as np
import pytest

from face_alignment_3d.crop import box_around
from face_alignment_3d.errors import DataError
from face_alignment_3d.markup import FROM_68, MIRROR
from face_alignment_3d.pose.similarity import umeyama
from face_alignment_3d.training.labels.markup_offset import MIN_FACES, measure_offset
from tests.training.synthetic_faces import mean_face, posed_faces

COUNT = 300
MEAN = mean_face()[FROM_68]


def _symmetric_offset(size):
    offset = np.random.default_rng(1).normal(size=(66, 3)) * size
    return (offset + offset[MIRROR] * [-1, 1, 1]) / 2


def _faces(*, rigid, yaw=40.0):
    """Faces of this markup; ``rigid`` ones are the mean face in many poses, whose rotation is exact."""
    points = posed_faces(COUNT, seed=4, yaw=yaw)[0][:, FROM_68]
    if not rigid:
        return points
    mean = np.broadcast_to(MEAN, points.shape)
    scale, rotation, translation = umeyama(mean, points)
    return scale[:, None, None] * mean @ rotation.transpose(0, 2, 1) + translation[:, None]


def _in_photo(faces, offset):
    """``offset`` (66, 3), in fractions of the face size, on every head: turned and scaled with it."""
    x0, y0, x1, y1 = box_around(MEAN)
    scale, rotation, _ = umeyama(np.broadcast_to(MEAN, faces.shape), faces)
    size = scale * np.sqrt((x1 - x0) * (y1 - y0))
    return size[:, None, None] * np.einsum("nij,pj->npi", rotation, offset), size


def test_the_offset_is_found_in_all_three_axes_from_x_and_y():
    faces = _faces(rigid=True)
    offset = _symmetric_offset(0.03)
    shift, _ = _in_photo(faces, offset)
    other = faces + shift
    other[..., 2] = 1e3  # Nobody looks at the other network's z.
    measured = measure_offset(other, faces, MEAN)
    np.testing.assert_allclose(measured.points[:, :2], offset[:, :2], atol=1e-3)
    # The depth shows only as far as heads turn, so the ridge takes part of it.
    np.testing.assert_allclose(measured.points[:, 2], offset[:, 2], rtol=0.2, atol=1e-3)
    removed = measured.removed(other, faces)
    left = np.linalg.norm(removed - faces[..., :2], axis=-1) / np.linalg.norm(shift[..., :2], axis=-1).mean()
    assert left.mean() < 0.05


def test_the_spread_is_what_remains():
    faces = _faces(rigid=True)
    shift, size = _in_photo(faces, _symmetric_offset(0.03))
    noise = np.random.default_rng(2).normal(size=faces.shape) * size[:, None, None]
    deviation = np.linspace(0.002, 0.02, 66)
    measured = measure_offset(faces + shift + noise * deviation[:, None], faces, MEAN)
    np.testing.assert_allclose(measured.spread, deviation, rtol=0.25)


def test_a_tenth_of_failures_changes_little():
    faces = _faces(rigid=False)
    offset = _symmetric_offset(0.03)
    shift, size = _in_photo(faces, offset)
    other = faces + shift
    other[::10] += 0.5 * size[::10, None, None]
    measured = measure_offset(other, faces, MEAN)
    np.testing.assert_allclose(measured.points[:, :2], offset[:, :2], atol=5e-3)


def test_the_unit_of_the_mean_face_and_of_the_photo_do_not_matter():
    faces = _faces(rigid=False)
    shift, _ = _in_photo(faces, _symmetric_offset(0.03))
    first = measure_offset(faces + shift, faces, MEAN)
    second = measure_offset(3 * (faces + shift) + 7, 3 * faces + 7, 100 * MEAN + 5)
    np.testing.assert_allclose(first.points, second.points, atol=1e-6)
    np.testing.assert_allclose(
        3 * first.removed(faces + shift, faces) + 7,
        second.removed(3 * (faces + shift) + 7, 3 * faces + 7),
        atol=1e-4,
    )


def test_the_same_markup_has_no_offset():
    faces = _faces(rigid=False)
    measured = measure_offset(faces[..., :2], faces, MEAN)
    np.testing.assert_allclose(measured.points, 0, atol=1e-9)
    np.testing.assert_allclose(measured.removed(faces, faces), faces[..., :2], atol=1e-6)


def test_it_is_symmetric():
    faces = _faces(rigid=False)
    other = faces + np.random.default_rng(3).normal(size=faces.shape)
    points = measure_offset(other, faces, MEAN).points
    np.testing.assert_allclose(points[MIRROR] * [-1, 1, 1], points, atol=1e-12)


def test_a_few_faces_are_not_enough():
    faces = _faces(rigid=False)[: MIN_FACES - 1]
    with pytest.raises(DataError, match="at least 20 faces"):
        measure_offset(faces, faces, MEAN)
