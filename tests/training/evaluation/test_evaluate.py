"""A report on an aligner whose errors are known has exactly the numbers that follow from them."""

import json
import re

import numpy as np
import pytest

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.crop import box_around
from face_alignment_3d.detection.protocol import Detection
from face_alignment_3d.errors import DataError
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.networks.presets import PRESETS
from face_alignment_3d.training.data.datasets.photos68 import Photos68
from face_alignment_3d.training.data.perturbation import PERTURBATIONS, Perturbation
from face_alignment_3d.training.evaluation import evaluate as evaluate_module
from face_alignment_3d.training.evaluation.evaluate import best_match, best_overlap, evaluate
from face_alignment_3d.training.evaluation.tables import text
from face_alignment_3d.training.evaluation.truth import truth_by_hand
from face_alignment_3d.weights.loading import save_cascade
from tests.training.known_errors import (
    ALL_POINTS_SHARE,
    DEPTH_ERROR,
    OVERLAP,
    POINT_SHARE,
    KnownAligner,
    labelled_set,
    labels,
    lifted_of,
    write_photos,
)

GIVEN = (1.0, 2.0, 3.0, 4.5, 8.5, 5.0)
FOUND = (2.0, 2.0, 3.0, None, 12.0, float("nan"))
YAW = (-50.0, -20.0, 0.0, 10.0, 31.0, 14.9)
RESIDUAL = (0.01, 0.01, 0.01, 0.01, 0.5, 0.01)
VALID_MEAN = (1 + 2 + 3 + 4.5 + 5) / 5


class Scene:
    def __init__(self, directory):
        self.points68 = labels(6)
        self.photos = write_photos(directory, self.points68)
        self.lifted = lifted_of(self.points68, yaw=YAW, residual=RESIDUAL)
        self.labelled = labelled_set(self.photos, self.lifted)

    def aligner(self, *, given=GIVEN, found=FOUND, **options):
        return KnownAligner(self.lifted.points[:, FROM_68], given=given, found=found, **options)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return Scene(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def report(scene):
    return evaluate(scene.aligner(), scene.labelled).report


def close(value):
    return pytest.approx(value, rel=1e-4, abs=1e-4)


def test_errors_with_given_boxes(report):
    assert report.given.faces == 6
    assert report.given.inner_mean == close(4)
    assert report.given.inner_median == close(3.75)
    assert report.given.failures == close(100 / 6)
    assert report.given.area_under_curve == close(100 * (7 + 6 + 5 + 3.5 + 0 + 3) / 8 / 6)
    assert report.given.all_points_mean == close(4 * ALL_POINTS_SHARE)
    assert report.normalizer == "eyes_2d"


def test_errors_over_the_box(report, scene):
    box = box_around(scene.points68[:, FROM_68]).astype(np.float64)
    sides = np.sqrt((box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]))
    assert report.given.box_mean == close((100 * ALL_POINTS_SHARE * np.array(GIVEN) / sides).mean())


def test_the_detector_is_compared_on_the_faces_it_found(report):
    detector = report.detector
    assert detector.found == close(100 * 4 / 6)
    assert detector.errors.faces == 4
    assert detector.errors.inner_mean == close((2 + 2 + 3 + 12) / 4)
    assert detector.errors.failures == close(25)
    assert detector.given_inner_mean == close((1 + 2 + 3 + 8.5) / 4)
    assert detector.relative_change == close(100 * (4.75 / 3.625 - 1))
    assert detector.overlap_mean == close(OVERLAP)
    assert detector.failures_with_missed == close(50)


def test_yaw_groups_take_both_sides_together(report):
    groups = [(g.low, g.high, g.errors.faces, g.errors.inner_mean, g.found) for g in report.yaw.groups]
    expected = [
        (0, 15, 3, (3 + 4.5 + 5) / 3, 100 / 3),
        (15, 30, 1, 2, 100),
        (30, 45, 1, 8.5, 100),
        (45, 180, 1, 1, 100),
    ]
    np.testing.assert_allclose(groups, expected, rtol=1e-4)
    assert report.yaw.beyond == 0
    assert report.yaw.box_mean is None, "a jaw that follows the outline is not comparable on turned heads"


def test_yaw_groups_have_the_error_in_3d_of_their_valid_fits(report):
    (fourth,) = (group for group in report.yaw.groups if group.low == 45)
    assert fourth.gte_xyz == close(np.hypot(1.0 * POINT_SHARE, DEPTH_ERROR).mean())
    (invalid,) = (group for group in report.yaw.groups if group.low == 30)
    assert invalid.gte_xyz is None


def test_groups_without_a_face_are_left_out(scene):
    frontal = lifted_of(scene.points68, yaw=[1.0] * 6, residual=RESIDUAL)
    (group,) = evaluate(scene.aligner(), labelled_set(scene.photos, frontal)).report.yaw.groups
    assert (group.low, group.high, group.errors.faces) == (0, 15, 6)


def test_perturbed_boxes(report):
    assert [(row.kind, row.level) for row in report.perturbed] == [
        (how.kind, how.level) for how in PERTURBATIONS
    ]
    for row in report.perturbed:
        amount = row.level * (2 if row.kind == "shift and scale" else 1)
        assert row.relative_change == pytest.approx(1000 * amount, rel=1e-3)
        assert row.inner_mean == pytest.approx(4 * (1 + 10 * amount), rel=1e-3)
        assert row.failures == close(100 * np.mean(np.array(GIVEN) * (1 + 10 * amount) > 8))


def test_confidence_that_follows_the_error(report):
    confidence = report.confidence
    assert confidence.points == close(-1)
    assert confidence.within_point == close(-1)
    assert confidence.faces == close(-1)
    errors = np.sort(np.outer(GIVEN, POINT_SHARE[17:]).ravel())[::-1]
    tenths = np.array_split(errors, 10)
    assert [group.error_mean for group in confidence.groups] == close([tenth.mean() for tenth in tenths])
    assert [group.lowest for group in confidence.groups] == close([1 / (1 + tenth[0]) for tenth in tenths])
    assert [group.highest for group in confidence.groups] == close([1 / (1 + tenth[-1]) for tenth in tenths])


def test_against_the_fits_that_are_valid(report):
    sideways = VALID_MEAN * ALL_POINTS_SHARE
    assert (report.three_d.labels, report.three_d.faces) == ("fit", 5)
    assert report.three_d.cvgtce is None, "one view of each face"
    errors = np.array(GIVEN)[np.array(RESIDUAL) < 0.1]
    # The eyes of these faces are at the same depth, so that their distance is the same in 2D and 3D.
    for gte in report.three_d.gte.values():
        assert gte["x"] == gte["xy"] == close(sideways)
        assert gte["y"] == close(0)
        assert gte["z"] == close(DEPTH_ERROR)
        assert gte["xyz"] == close(np.hypot(np.outer(errors, POINT_SHARE), DEPTH_ERROR).mean())
    assert list(report.three_d.gte) == ["eyes_3d", "eyes_2d"]
    assert report.gte_given("x") == close(ALL_POINTS_SHARE * errors)


def test_no_valid_fit_gives_no_comparison(scene):
    bad = lifted_of(scene.points68, yaw=YAW, residual=[0.5] * 6)
    report = evaluate(scene.aligner(), labelled_set(scene.photos, bad)).report
    assert report.three_d is None
    assert {face.gte for face in report.faces} == {None}
    assert "GTE" not in text(report).split("degrees of yaw")[0]


def test_each_face_by_itself(report):
    assert [face.name for face in report.faces] == [f"photo_{i}" for i in range(6)]
    assert [face.yaw for face in report.faces] == list(YAW)
    assert report.inner_given() == close(GIVEN)
    assert [face.inner_found is None for face in report.faces] == [False, False, False, True, False, True]
    np.testing.assert_allclose(report.inner_found(), [2, 2, 3, np.inf, 12, np.inf], rtol=1e-4)


def test_predictions_are_kept_in_the_order_of_the_photos(scene):
    predictions = evaluate(scene.aligner(), scene.labelled).predictions
    assert [face is None for face in predictions.found] == [False, False, False, True, False, True]
    for index, face in enumerate(predictions.given):
        assert face.landmarks[30, :2] == close(
            scene.points68[index, 30] + np.array([GIVEN[index] * POINT_SHARE[30], 0])
        )


def test_a_detector_that_finds_nothing(scene):
    report = evaluate(scene.aligner(found=[None] * 6), scene.labelled).report
    detector = report.detector
    assert (detector.found, detector.failures_with_missed) == (0, 100)
    assert (
        detector.errors
        is detector.given_inner_mean
        is detector.relative_change
        is detector.overlap_mean
        is None
    )
    assert any(line.split()[-1] == "0.0" for line in text(report).splitlines() if "faces found" in line)


def test_undefined_numbers_become_null_in_json(scene):
    aligner = scene.aligner(constant_confidence=True)
    report = evaluate(aligner, scene.labelled).report
    assert np.isnan(report.confidence.points)
    read_back = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert read_back["confidence"]["points"] is None
    assert read_back["given"]["inner_mean"] == close(4)
    assert read_back["faces"][3]["inner_found"] is None
    assert read_back["three_d"]["gte"]["eyes_3d"]["z"] == close(DEPTH_ERROR)


def test_photos_are_read_in_chunks_that_change_nothing(scene, report, monkeypatch):
    monkeypatch.setattr(evaluate_module, "_CHUNK", 4)
    aligner, done = scene.aligner(), []
    chunked = evaluate(aligner, scene.labelled, progress=done.append)
    assert done == [4, 2]
    assert aligner.batches == [(4, True), (4, False), (2, True), (2, False)]
    assert chunked.report == report


def test_what_cannot_be_evaluated(scene):
    none = Photos68(scene.photos.directory, (), np.zeros((0, 68, 2), np.float32))
    with pytest.raises(DataError, match="at least one photo"):
        evaluate(scene.aligner(), labelled_set(none, lifted_of(none.points68, yaw=[], residual=[])))
    others = lifted_of(labels(5), yaw=YAW[:5], residual=RESIDUAL[:5])
    fused = np.zeros((5, 66, 3))
    with pytest.raises(DataError, match=r"shape \(6, 66, 3\); got \(5, 66, 3\)"):
        truth_by_hand(scene.photos.names, scene.points68, fused, valid=others.residual < 1, yaw=others.yaw)


def test_through_the_real_aligner(tmp_path, scene):
    weights = tmp_path / "untrained.safetensors"
    save_cascade(PRESETS["lite"](), weights, preset="lite", metadata={})
    photos = Photos68(scene.photos.directory, scene.photos.names[:2], scene.points68[:2])
    lifted = lifted_of(scene.points68[:2], yaw=YAW[:2], residual=RESIDUAL[:2])

    class Detector:
        """Finds the first face and no other."""

        def detect(self, image_rgb):
            return [Detection(box_around(photos.points68[0, FROM_68]), 0.8)] if image_rgb.mean() < 10 else []

    aligner = FaceAligner3D(weights, device="cpu", detector=Detector(), min_confidence=0.0)
    result = evaluate(aligner, labelled_set(photos, lifted))
    direct = aligner.get_landmarks(photos.image(1), boxes=[box_around(photos.points68[1, FROM_68])])
    np.testing.assert_allclose(result.predictions.given[1].landmarks, direct[0], atol=1e-3)
    assert result.report.detector.found == 50
    assert result.report.detector.relative_change == pytest.approx(0, abs=1e-3)
    assert result.report.detector.overlap_mean == pytest.approx(1)


def test_best_match_wants_the_largest_overlap():
    def face(box):
        return Face3D(np.zeros((66, 3), np.float32), np.ones(66, np.float32), np.array(box, np.float32), 1.0)

    reference = np.array([0.0, 0, 10, 10])
    near, nearer, poor = face([0, 0, 10, 6]), face([0, 0, 10, 8]), face([0, 0, 10, 4])
    assert best_match([near, nearer, poor], reference) is nearer
    assert best_match([poor], reference) is None  # Exactly 0.4 is not above it.
    assert best_match([], reference) is None
    assert best_overlap(np.array([near.box, nearer.box]), reference) == 1
    assert best_overlap(np.array([poor.box]), reference) is None


@pytest.mark.parametrize("level", [0.05, 0.2])
def test_perturbations(level):
    box = np.array([10.0, 20, 50, 100])
    np.testing.assert_allclose(
        Perturbation("enlarge", level).apply(box, seed=(0,)),
        [30 - 20 * (1 + level), 60 - 40 * (1 + level), 30 + 20 * (1 + level), 60 + 40 * (1 + level)],
    )
    np.testing.assert_allclose(
        Perturbation("shrink", level).apply(box, seed=(0,)),
        [30 - 20 * (1 - level), 60 - 40 * (1 - level), 30 + 20 * (1 - level), 60 + 40 * (1 - level)],
    )
    both = [Perturbation("shift and scale", level).apply(box, seed=(0, i)) for i in range(40)]
    widths = sorted({round(float(x1 - x0), 3) for x0, _, x1, _ in both})
    assert widths == pytest.approx([40 * (1 - level), 40 * (1 + level)])
    moved_by = [((x0 + x1) / 2 - 30, (y0 + y1) / 2 - 60) for x0, y0, x1, y1 in both]
    assert [np.hypot(x / 40, y / 80) for x, y in moved_by] == pytest.approx([level] * 40, rel=1e-4)
    shift = Perturbation("shift", level)
    moved = np.array([shift.apply(box, seed=(0, i)) - box for i in range(200)])
    np.testing.assert_allclose(moved[:, :2], moved[:, 2:], atol=1e-4)
    directions = moved[:, :2] / [40, 80]
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), level, rtol=1e-4)
    assert np.abs(directions.mean(axis=0)).max() < 0.2 * level, "every direction is as likely"
    np.testing.assert_array_equal(shift.apply(box, seed=(0, 7)), shift.apply(box, seed=(0, 7)))


def test_the_table_shows_the_numbers(report):
    rows = dict(re.split(r"\s{2,}", line)[:2] for line in text(report).splitlines() if line.strip()[1:])
    assert rows["inner 49 points, mean error over the outer-eye distance, %"] == "4.00"
    assert rows["own detector: inner error of the faces found, %"] == "4.75"
    assert rows["own detector: change against given boxes, %"] == "+31.0"
    assert rows["GTE z, 3D eye distance, %"] == "2.00"
    assert rows["enlarge 10 %"] == "8.00"
