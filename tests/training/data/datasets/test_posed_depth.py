import numpy as np
import pytest

from face_alignment_3d.training.data.datasets.posed_depth import fit_depth
from tests.training.synthetic_faces import COEFFICIENT_STD, face_model, posed_faces, turn


@pytest.mark.parametrize("yaw", [0.0, 40.0, 85.0])
def test_depth_is_recovered_from_a_pose_that_is_somewhat_wrong(yaw):
    model = face_model()
    generator = np.random.default_rng(7)
    errors = []
    for _ in range(10):
        shape = model.shapes(generator.normal(size=(1, 6)) * COEFFICIENT_STD)[0]
        roll = generator.uniform(-40, 40)
        points = shape @ turn(10, yaw, roll).T * 55 + [80.0, 95.0, 3.0]
        start = turn(*(np.array([10, yaw, roll]) + generator.uniform(-8, 8, 3)))
        fit = fit_depth(points[:, :2], start, model)
        assert fit.z.shape == (68,)
        assert fit.z.mean() == pytest.approx(0, abs=1e-9)
        assert fit.residual < 0.002
        eyes = np.linalg.norm(points[36] - points[45])
        errors.append(np.abs(fit.z - (points[:, 2] - points[:, 2].mean())).mean() / eyes)
    # Seen from the side, a wider face and one that is turned a little further look much alike.
    assert np.mean(errors) < (0.02 if yaw < 60 else 0.03)
    assert max(errors) < 0.08


def test_the_residual_tells_what_does_not_fit():
    points = posed_faces(1, seed=2)[0][0, :, :2]
    scattered = np.random.default_rng(0).permutation(points)
    assert fit_depth(scattered, np.eye(3), face_model()).residual > 0.1


def test_sizes_and_places_do_not_matter():
    points = posed_faces(1, seed=4, roll=0.0)[0][0, :, :2]
    here = fit_depth(points, np.eye(3), face_model())
    there = fit_depth(points * 7 - 1000, np.eye(3), face_model())
    np.testing.assert_allclose(there.z, 7 * here.z, atol=1e-6)
    assert there.residual == pytest.approx(here.residual)
