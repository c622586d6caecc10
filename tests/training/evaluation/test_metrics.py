"""The challenge's errors and the summaries of many, against references written out plainly."""

import math

import numpy as np
import pytest

from face_alignment_3d.training.evaluation import metrics

AXES = {"xyz": (0, 1, 2), "xy": (0, 1), "x": (0,), "y": (1,), "z": (2,)}


@pytest.fixture(scope="module")
def faces():
    generator = np.random.default_rng(3)
    truth = generator.normal(0, 50, (4, 66, 3))
    return truth + generator.normal(0, 4, truth.shape), truth


def _eyes(face, dimensions):
    return math.sqrt(sum((face[36][d] - face[45][d]) ** 2 for d in range(dimensions)))


@pytest.mark.parametrize("axes", list(AXES))
@pytest.mark.parametrize(("normalizer", "dimensions"), [("eyes_2d", 2), ("eyes_3d", 3)])
def test_gte(faces, axes, normalizer, dimensions):
    predicted, truth = faces
    expected = []
    for guess, true in zip(predicted, truth, strict=True):
        origin = sum(p[2] for p in guess) / 66 - sum(p[2] for p in true) / 66
        total = 0.0
        for k in range(66):
            difference = [
                guess[k][0] - true[k][0],
                guess[k][1] - true[k][1],
                guess[k][2] - origin - true[k][2],
            ]
            total += math.sqrt(sum(difference[d] ** 2 for d in AXES[axes]))
        expected.append(100 * total / 66 / _eyes(true, dimensions))
    np.testing.assert_allclose(metrics.gte(predicted, truth, axes=axes, normalizer=normalizer), expected)


def test_gte_of_z_is_the_depth_error(faces):
    np.testing.assert_allclose(metrics.gte(*faces, axes="z"), metrics.depth_error(*faces))


def test_gte_takes_the_challenges_error_by_default(faces):
    np.testing.assert_array_equal(metrics.gte(*faces), metrics.gte(*faces, axes="xyz", normalizer="eyes_3d"))


def test_gte_leaves_its_arguments_alone(faces):
    copies = [points.copy() for points in faces]
    metrics.gte(*faces)
    metrics.cvgtce(*faces)
    np.testing.assert_array_equal(faces, copies)


def _best_similarity(source, target):
    """Rotation by Horn's quaternions, an other way than the library's; then scale and translation."""
    source_centered, target_centered = source - source.mean(axis=0), target - target.mean(axis=0)
    s = source_centered.T @ target_centered
    d = np.array([s[1, 2] - s[2, 1], s[2, 0] - s[0, 2], s[0, 1] - s[1, 0]])
    form = np.block([[np.trace(s), d[None]], [d[:, None], s + s.T - np.trace(s) * np.eye(3)]])
    w, x, y, z = np.linalg.eigh(form)[1][:, -1]
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation = np.eye(3) + 2 * w * cross + 2 * cross @ cross
    turned = source_centered @ rotation.T
    scale = (turned * target_centered).sum() / (turned**2).sum()
    return scale * turned + target.mean(axis=0)


@pytest.mark.parametrize(("normalizer", "dimensions"), [("eyes_2d", 2), ("eyes_3d", 3)])
def test_cvgtce(faces, normalizer, dimensions):
    predicted, truth = faces
    quarter_turn = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    other_view = 1.7 * truth @ quarter_turn.T + [30, -20, 5]
    expected = []
    for guess, true in zip(predicted, other_view, strict=True):
        distances = np.sqrt(((_best_similarity(guess, true) - true) ** 2).sum(axis=1))
        expected.append(100 * distances.mean() / _eyes(true, dimensions))
    np.testing.assert_allclose(metrics.cvgtce(predicted, other_view, normalizer=normalizer), expected)


def test_cvgtce_forgives_a_similarity_but_not_a_mirror(faces):
    _, truth = faces
    half_turn = np.diag([-1.0, 1, -1])
    np.testing.assert_allclose(metrics.cvgtce(0.4 * truth @ half_turn + 9, truth), 0, atol=1e-9)
    assert (metrics.cvgtce(truth * [-1, 1, 1], truth) > 20).all()


def test_all_points_nme(faces):
    predicted, truth = (points[..., :2] for points in faces)
    expected = [
        100 * sum(math.dist(g, t) for g, t in zip(guess, true, strict=True)) / 66 / _eyes(true, 2)
        for guess, true in zip(predicted, truth, strict=True)
    ]
    np.testing.assert_allclose(metrics.all_points_nme(predicted, truth), expected)


def test_cumulative_share_counts_what_is_at_most_the_threshold():
    errors = np.array([3.0, 1.0, np.inf, 2.0])
    shares = metrics.cumulative_share(errors, np.array([0.5, 1.0, 2.5, 100.0]))
    np.testing.assert_array_equal(shares, [0, 25, 50, 75])


def test_area_under_curve_is_that_of_the_drawn_curve():
    errors = np.append(np.random.default_rng(0).gamma(3, 1.5, 50), np.inf)
    middles = (np.arange(80_000) + 0.5) * 8 / 80_000
    drawn = metrics.cumulative_share(errors, middles).mean()
    assert metrics.area_under_curve(errors) == pytest.approx(drawn, abs=1e-3)
    assert metrics.area_under_curve(np.zeros(3)) == 100
    assert metrics.area_under_curve(np.array([8.0, 9.0, np.inf])) == 0
    assert metrics.area_under_curve(np.array([1.0]), threshold=2.0) == 50


def _plain_ranks(values):
    return [
        sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2
        for value in values
    ]


def test_rank_correlation():
    generator = np.random.default_rng(1)
    first = generator.integers(0, 9, 40).astype(np.float64)  # Many ties.
    second = first + generator.normal(0, 3, 40)
    expected = np.corrcoef(_plain_ranks(first), _plain_ranks(second))[0, 1]
    assert metrics.rank_correlation(first, second) == pytest.approx(expected)
    assert metrics.rank_correlation(second, np.exp(second)) == pytest.approx(1)
    assert metrics.rank_correlation(second, -(second**3)) == pytest.approx(-1)
    assert math.isnan(metrics.rank_correlation(first, np.ones(40)))
