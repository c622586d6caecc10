import math

import numpy as np
import pytest

from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.evaluation import metrics
from tests.training.synthetic_faces import posed_faces

RIGHT_EYE, LEFT_EYE = 36, 45


@pytest.fixture(scope="module")
def faces():
    """Predictions and truth, (5, 66, 3) float32 each."""
    truth, _ = posed_faces(5, seed=1)
    noise = np.random.default_rng(2).normal(0, 3, truth.shape)
    return (truth + noise)[:, FROM_68].astype(np.float32), truth[:, FROM_68].astype(np.float32)


def _distance(first, second):
    return math.sqrt(sum((float(a) - float(b)) ** 2 for a, b in zip(first, second, strict=True)))


def _eyes(face):
    return _distance(face[RIGHT_EYE], face[LEFT_EYE])


@pytest.mark.parametrize("dimensions", [2, 3])
def test_eye_distance(faces, dimensions):
    _, truth = faces
    expected = [_eyes(face[:, :dimensions]) for face in truth]
    np.testing.assert_allclose(metrics.eye_distance(truth[..., :dimensions]), expected, rtol=1e-6)


def test_inner_nme(faces):
    predicted, truth = (points[..., :2] for points in faces)
    expected = []
    for guess, true in zip(predicted, truth, strict=True):
        distances = [_distance(guess[i], true[i]) for i in range(17, 66)]
        assert len(distances) == 49
        expected.append(100 * sum(distances) / 49 / _eyes(true))
    np.testing.assert_allclose(metrics.inner_nme(predicted, truth), expected, rtol=1e-6)


def test_box_nme(faces):
    predicted, truth = (points[..., :2] for points in faces)
    expected = []
    for guess, true in zip(predicted, truth, strict=True):
        width = max(x for x, _ in true) - min(x for x, _ in true)
        height = max(y for _, y in true) - min(y for _, y in true)
        mean = sum(_distance(guess[i], true[i]) for i in range(66)) / 66
        expected.append(100 * mean / math.sqrt(width * height))
    np.testing.assert_allclose(metrics.box_nme(predicted, truth), expected, rtol=1e-5)


def test_depth_error(faces):
    predicted, truth = faces
    expected = []
    for guess, true in zip(predicted, truth, strict=True):
        z, true_z = [float(p[2]) for p in guess], [float(p[2]) for p in true]
        middle, true_middle = sum(z) / 66, sum(true_z) / 66
        errors = [abs(a - middle - (b - true_middle)) for a, b in zip(z, true_z, strict=True)]
        expected.append(100 * sum(errors) / 66 / _eyes(true))
    np.testing.assert_allclose(metrics.depth_error(predicted, truth), expected, rtol=1e-5)


def test_depth_error_does_not_depend_on_the_origin_of_z(faces):
    predicted, truth = faces
    moved = metrics.depth_error(predicted + np.float32([0, 0, 100]), truth)
    np.testing.assert_allclose(moved, metrics.depth_error(predicted, truth), rtol=1e-4)


def test_errors_are_percentages_of_lengths(faces):
    predicted, truth = faces
    for metric in (metrics.inner_nme, metrics.box_nme):
        errors = metric(predicted[..., :2], truth[..., :2])
        larger = metric(7 * predicted[..., :2], 7 * truth[..., :2])
        np.testing.assert_allclose(errors, larger, rtol=1e-5)
        np.testing.assert_array_equal(metric(truth[..., :2], truth[..., :2]), 0)


def test_failure_rate_counts_what_is_above_the_threshold():
    errors = np.array([1.0, 8.0, 8.1, 20.0])
    assert metrics.failure_rate(errors) == 50
    assert metrics.failure_rate(errors, threshold=0.5) == 100
    assert metrics.failure_rate(errors, threshold=20) == 0
