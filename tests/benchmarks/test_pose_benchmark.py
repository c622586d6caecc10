"""The numbers of benchmarks/pose.py are correct for known angles."""

import numpy as np
import pytest
from pose import angle_errors, disagreement


def test_angles_differ_the_short_way_round() -> None:
    found, known = np.array([[179.0, 10, -5]]), np.array([[-178.0, -10, 5]])
    np.testing.assert_allclose(angle_errors(found, known), [[3, 20, 10]])


def test_disagreement_is_of_pairs_of_one_source() -> None:
    face = np.zeros((66, 3))
    moved = np.array([(0, 0, 0), (0.03, 0.04, 0), (9, 9, 9), (0, 0, 0.1)])
    canonical = face + moved[:, None]
    apart = disagreement(canonical, ["a", "a", "b", "a"])
    assert sorted(apart) == pytest.approx(sorted([5, 10, 100 * np.sqrt(0.03**2 + 0.04**2 + 0.1**2)]))


def test_no_pair() -> None:
    assert disagreement(np.zeros((2, 66, 3)), ["a", "b"]).shape == (0,)
