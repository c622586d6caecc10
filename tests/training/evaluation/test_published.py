"""The published protocols against short references of their own, and the benchmarks' files."""

import json
import math

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from face_alignment_3d.errors import DataError
from face_alignment_3d.markup import FROM_68, INNER
from face_alignment_3d.pose import estimate_pose
from face_alignment_3d.pose.mean_face import MEAN_FACE
from face_alignment_3d.training.evaluation import metrics
from face_alignment_3d.training.evaluation.evaluate import evaluate
from face_alignment_3d.training.evaluation.published import (
    IN_BENCHMARK_MARKUP,
    OURS,
    by_group,
    moved,
    published_errors,
    summarize_published,
)
from face_alignment_3d.training.evaluation.sets import open_labelled
from face_alignment_3d.training.evaluation.tables import markdown, text
from face_alignment_3d.training.evaluation.truth import FurtherLabels, truth_in_3d
from face_alignment_3d.training.evaluation.visibility_report import visibility_report
from tests.training.known_errors import POINT_SHARE, KnownAligner

PITCH_YAW_ROLL = np.array([[5.0, 10, -8], [-12, -25, 3], [0, 50, 20], [20, -75, -30], [-100, 10, 0]])


def turned(angles):
    """The mean face in AFLW2000-3D's poses: (N, 66, 3)."""
    p, y, r = angles.T
    turns = Rotation.from_euler("XYZ", np.stack([-p, -y, r], axis=1), degrees=True).as_matrix()
    points = 80 * (MEAN_FACE - MEAN_FACE.mean(axis=0)) @ np.swapaxes(turns, 1, 2)
    points[..., :2] += 200
    return points


@pytest.fixture
def truth():
    points = turned(PITCH_YAW_ROLL)
    return truth_in_3d([str(i) for i in range(5)], points, PITCH_YAW_ROLL[:, 1])


@pytest.fixture
def further():
    return FurtherLabels(("front", "turned"), np.array([0, 0, 1, 1, -1]), angles=PITCH_YAW_ROLL)


def test_errors_over_the_box_by_group(truth, further):
    points = truth.points + np.random.default_rng(0).normal(0, 3, truth.points.shape)
    errors = published_errors(truth, further, points)

    def reference(face, axes):
        t, p = truth.points[face].copy(), points[face].copy()
        t[:, 2] -= t[:, 2].mean()
        p[:, 2] -= p[:, 2].mean()
        width, height = np.ptp(t[:, 0]), np.ptp(t[:, 1])
        distance = np.sqrt(((t - p)[:, :axes] ** 2).sum(axis=1)).mean()
        return 100 * distance / math.sqrt(width * height)

    for grouped, axes in ((errors.nme_2d, 2), (errors.nme_3d, 3)):
        front = (reference(0, axes) + reference(1, axes)) / 2
        side = (reference(2, axes) + reference(3, axes)) / 2
        assert grouped.groups == pytest.approx((front, side))
        assert grouped.mean == pytest.approx((front + side) / 2)


def test_a_group_without_faces_leaves_no_mean():
    grouped = by_group(np.array([1.0, 3.0, np.nan]), np.array([0, 0, 1]), 2)
    assert grouped.groups == (2.0, None)
    assert grouped.mean is None


def test_visible_points_are_over_their_box_and_the_reference_box(truth):
    visible = truth.points[..., :2].copy()
    visible[:, :30] = np.nan
    further = FurtherLabels(("all",), np.zeros(5, np.int64), visible=visible)
    points = truth.points + np.array([3.0, 4.0, 9.0])
    errors = published_errors(truth, further, points)

    def reference(box_of):
        sizes = [math.sqrt(np.ptp(face[:, 0]) * np.ptp(face[:, 1])) for face in box_of]
        return np.mean([100 * 5 / size for size in sizes])

    assert errors.visible.mean == pytest.approx(reference(truth.points), rel=1e-5)
    assert errors.visible_own_box.mean == pytest.approx(reference(visible[:, 30:]), rel=1e-5)
    assert errors.visible_inner.mean == pytest.approx(errors.visible.mean)
    points[:, 30:33] += 50  # Only these three change, of the 36 inner ones that can be seen.
    assert published_errors(truth, further, points).visible_inner.mean > errors.visible.mean
    points[:, :30] += 1000
    assert published_errors(truth, further, points).visible.mean < 10 * errors.visible.mean


def test_rotations_of_known_turns(truth, further):
    """Faces pitched by 4 degrees about the camera's x: the one with an angle of 100 counts nowhere."""
    about_x = Rotation.from_euler("x", 4, degrees=True).as_matrix()
    points = truth.points @ about_x.T
    errors = published_errors(truth, further, points)
    assert errors.rotation.geodesic == pytest.approx(4)
    assert errors.angles.faces == errors.rotation.angles.faces == 4
    assert errors.angles.pitch == pytest.approx(4, abs=1e-6), (
        "the last turn of the set's order is that about x"
    )
    assert errors.angles.yaw == pytest.approx(0, abs=1e-6)
    assert errors.angles.mean == pytest.approx(4 / 3)
    pitches = [
        (estimate_pose(p).pitch, estimate_pose(t).pitch) for p, t in zip(points, truth.points, strict=True)
    ]
    frontal = np.array(pitches[:2])
    assert errors.rotation.pitch_bias == pytest.approx((frontal[:, 0] - frontal[:, 1]).mean())
    assert errors.rotation.pitch_bias > 3, "about +x turns noses down"
    assert errors.rotation.pitch_spread == pytest.approx(frontal[:, 0].std() / frontal[:, 1].std())


def test_angles_beyond_a_right_angle_are_compared_the_short_way_round():
    angles = np.array([[3.0, 95.0, -5.0], [170, -4, 175]])
    points = turned(angles)
    truth = truth_in_3d(["a", "b"], points, angles[:, 1])
    errors = published_errors(truth, FurtherLabels(("all",), np.zeros(2, np.int64), angles=angles), points)
    assert errors.angles.faces == 1
    assert errors.angles.mean == pytest.approx(0, abs=1e-5)


def test_the_benchmarks_markup_is_a_constant_offset_in_the_heads_frame(truth, further):
    offset = np.zeros((66, 3))
    offset[:, 1], offset[27:36, 0], offset[17:27, 1] = 0.02, 0.01, -0.05
    shape = MEAN_FACE - MEAN_FACE.mean(axis=0)
    radius = np.sqrt((shape**2).sum(axis=1).mean())
    faces = turned(PITCH_YAW_ROLL)
    result = moved(faces, offset)
    for face, after in zip(faces, result, strict=True):
        head = estimate_pose(face)
        expected = face + 80 * radius * np.array([head.rotation @ one for one in offset])
        expected[:, 2] -= expected[:, 2].mean()
        np.testing.assert_allclose(after, expected, atol=1e-9)
    said = np.ones((5, 66))
    with_offset = FurtherLabels(("all",), np.zeros(5, np.int64), benchmark_offset=offset)
    errors = summarize_published(truth, with_offset, truth.points, said, "confidence").errors
    assert errors[OURS].nme_2d.mean == pytest.approx(0, abs=1e-9)
    assert errors[IN_BENCHMARK_MARKUP].nme_2d.mean > 0.5
    assert (
        IN_BENCHMARK_MARKUP
        not in summarize_published(truth, further, truth.points, said, "confidence").errors
    )


def test_area_under_roc_counts_pairs():
    random = np.random.default_rng(2)
    positive, negative = random.integers(0, 6, 40) + 1.0, random.integers(0, 6, 30) + 0.0
    wins = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]
    assert metrics.area_under_roc(positive, negative) == pytest.approx(np.mean(wins))
    assert math.isnan(metrics.area_under_roc(positive, negative[:0]))


def test_visibility_and_its_calibration():
    random = np.random.default_rng(3)
    said = random.uniform(0, 1, (300, 66))
    state = np.where(random.uniform(0, 1, said.shape) < said, 1, random.choice([0, 2], said.shape))
    state[:5] = -1
    report = visibility_report(said, state, "visibility")
    assert report.points == {
        kind: int((state == k).sum()) for kind, k in (("visible", 1), ("self-occluded", 0), ("hidden", 2))
    }
    assert report.auc_hidden == pytest.approx(metrics.area_under_roc(said[state == 1], said[state == 2]))
    assert report.calibration_error < 0.02
    for index, one in enumerate(report.bins):
        chosen = (state >= 0) & (said >= index / 10) & (said < (index + 1) / 10)
        assert one.points == chosen.sum()
        assert one.said == pytest.approx(said[chosen].mean())
        assert one.seen == pytest.approx((state[chosen] == 1).mean())
    overconfident = visibility_report(np.ones_like(said), state, "visibility")
    assert overconfident.calibration_error == pytest.approx(1 - (state[state >= 0] == 1).mean())
    assert overconfident.auc_hidden == 0.5


def test_geodesic_angle():
    first = Rotation.random(20, random_state=0).as_matrix()
    second = Rotation.random(20, random_state=1).as_matrix()
    expected = [
        math.degrees(math.acos((np.trace(a.T @ b) - 1) / 2)) for a, b in zip(first, second, strict=True)
    ]
    assert metrics.geodesic_angle(first, second) == pytest.approx(expected)


def write_benchmarks(data, count=4):
    """Both archives of a data folder, with random points; face 0 of MERL-RAV is not marked."""
    random = np.random.default_rng(0)
    for name, suffix in (("aflw2000_dev", ".jpg"), ("aflw_dev", ".webp")):
        (data / name).mkdir()
        for index in range(count):
            Image.new("L", (16, 16), 20 * index).save(data / name / f"face_{index}{suffix}")
    names = [f"face_{index}" for index in range(count)]
    points = random.uniform(20, 100, (count, 68, 3))
    state = random.integers(0, 3, (count, 68))
    state[0] = 0
    merl = points[..., :2] + 1
    yaw = np.array([-10.0, 40, -80, 95])[:count]
    np.savez(
        data / "aflw2000_dev.npz",
        names=names,
        points68=points,
        reannotated68=points[..., :2] + 2,
        pose=np.stack([yaw, 0 * yaw + 3, 0 * yaw - 5], axis=1),
        merl68=np.where(state[..., None] > 0, merl, np.nan),
        merl_state=state,
    )
    fixed = np.where(state[..., None] > 0, np.rint(32 * merl), -32768)
    np.savez(
        data / "aflw_dev.npz",
        names=names,
        yaw=np.abs(yaw),
        tddfa68_x32=np.rint(32 * points).astype(np.int16),
        merl68_x32=fixed.astype(np.int16),
        merl_state=state,
        merl_group=["", "lefthalf", "right", "frontal"][:count],
    )
    return points, state


def test_the_archive_of_aflw2000(tmp_path):
    points, state = write_benchmarks(tmp_path)
    labelled = open_labelled("aflw2000", data=tmp_path)
    np.testing.assert_allclose(labelled.truth.points[..., :2], points[:, FROM_68, :2])
    np.testing.assert_allclose(labelled.truth.points[..., 2].mean(axis=1), 0, atol=1e-9)
    assert labelled.further.group.tolist() == [0, 1, 2, -1]
    assert labelled.further.angles[1].tolist() == [3, 40, -5]
    assert np.isnan(labelled.further.visible[0]).all()
    np.testing.assert_array_equal(np.isfinite(labelled.further.visible[1:, :, 0]), state[1:, FROM_68] == 1)
    assert (labelled.further.state[0] == -1).all()
    assert labelled.further.benchmark_offset is None
    few = open_labelled("aflw2000", data=tmp_path, limit=2)
    np.testing.assert_array_equal(few.further.reannotated, labelled.further.reannotated[[0, 2]])

    derived = tmp_path / "derived"
    derived.mkdir()
    assert open_labelled("aflw2000", data=tmp_path, derived_data=derived).further.benchmark_offset is None
    np.savez(derived / "fused_labels.npz", names=["a"])
    assert open_labelled("aflw2000", data=tmp_path, derived_data=derived).further.benchmark_offset is None
    np.savez(derived / "fused_labels.npz", benchmark_offset=np.full((66, 3), 0.5))
    offset = open_labelled("aflw2000", data=tmp_path, derived_data=derived).further.benchmark_offset
    assert (offset == 0.5).all()
    np.savez(derived / "fused_labels.npz", benchmark_offset=np.zeros((68, 3)))
    with pytest.raises(DataError, match=r"benchmark_offset of shape \(66, 3\) in .*fused_labels.npz"):
        open_labelled("aflw2000", data=tmp_path, derived_data=derived)


def test_merl_rav_is_evaluated_on_the_points_that_can_be_seen(tmp_path):
    points, state = write_benchmarks(tmp_path)
    labelled = open_labelled("merl-rav", data=tmp_path)
    assert labelled.truth.names == ("face_1", "face_2", "face_3"), "face_0 is not marked"
    assert labelled.further.group.tolist() == [1, 2, 0]
    known = points[1:, FROM_68].copy()
    known[..., :2] = np.rint(32 * (known[..., :2] + 1)) / 32
    # The photos say by their gray that they are faces 1 to 3.
    aligner = KnownAligner(known[[0, 0, 1, 2]], given=(9.0, 1.0, 2.0, 3.0), found=(9.0, 1.0, 2.0, None))
    aligner.boxes[1:] = labelled.truth.boxes
    report = evaluate(aligner, labelled).report
    assert report.normalizer == "box"
    seen = state[1:, FROM_68] == 1
    errors = []
    for face in range(3):
        marked = known[face][seen[face]]
        size = math.sqrt(np.ptp(marked[:, 0]) * np.ptp(marked[:, 1]))
        off = aligner.given[face + 1] * POINT_SHARE
        inner = seen[face][INNER]
        errors.append(100 * off[INNER][inner].mean() / size)
    assert report.inner_given() == pytest.approx(errors, rel=1e-3)
    assert report.three_d is None
    assert report.detector.found == pytest.approx(200 / 3)
    assert list(report.published.errors) == [OURS, "3DDFA_V2 mb05"]
    assert report.published.visibility.source == "confidence"
    json.dumps(report.as_dict(), allow_nan=False)
    assert "confidence, as these weights have no visibility" in text(report)
    assert "over the box" in text(report)
    assert "| 3DDFA_V2 mb05 |" in markdown({"merl-rav": report})


def test_published_numbers_stand_beside_ours(truth, further):
    report = summarize_published(truth, further, truth.points, np.ones((5, 66)), "confidence")
    assert report.errors["SynergyNet (published)"].nme_2d.mean == 3.41
    assert report.visibility is None
