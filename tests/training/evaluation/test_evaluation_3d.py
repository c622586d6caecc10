"""Sets with 3D labels and several views of a face: what the report has that hand-made points cannot give."""

import json

import numpy as np
import pytest

from face_alignment_3d.crop import box_around
from face_alignment_3d.errors import DataError
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.evaluation import metrics
from face_alignment_3d.training.evaluation.evaluate import evaluate
from face_alignment_3d.training.evaluation.summary import summarize_found
from face_alignment_3d.training.evaluation.tables import comparison_markdown, markdown, text
from face_alignment_3d.training.evaluation.truth import LabelledSet, truth_in_3d
from tests.training.known_errors import ALL_POINTS_SHARE, DEPTH_ERROR, POINT_SHARE, KnownAligner, write_photos
from tests.training.synthetic_faces import posed_faces

ERRORS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
YAW = (-10.0, 20.0, 45.0, -59.9, 85.0, 88.0)
SUBJECTS = ("a", "b", "a", "b", "a", "c")
EDGES = (0.0, 30.0, 60.0, 85.0)


@pytest.fixture(scope="module")
def truth():
    points, _ = posed_faces(6, seed=3)
    points = points[:, FROM_68]
    points[..., 2] -= points[..., 2].mean(axis=1, keepdims=True)
    names = [f"photo_{i}" for i in range(6)]
    return truth_in_3d(names, points, np.array(YAW), yaw_edges=EDGES, subjects=SUBJECTS)


@pytest.fixture(scope="module")
def labelled(truth, tmp_path_factory):
    photos = write_photos(tmp_path_factory.mktemp("turned"), np.zeros((6, 68, 2), np.float32))
    return LabelledSet("known-novel-views", truth, photos.image, "0" * 64)


@pytest.fixture(scope="module")
def report(labelled, truth):
    return evaluate(KnownAligner(truth.points, given=ERRORS, found=ERRORS), labelled).report


def close(value):
    return pytest.approx(value, rel=1e-3, abs=1e-4)


def eyes(truth, dimensions):
    difference = (truth.points[:, 36] - truth.points[:, 45])[:, :dimensions]
    return np.sqrt((difference**2).sum(axis=1))


def test_inner_errors_are_over_the_eye_distance_in_3d(report, truth):
    assert report.normalizer == "eyes_3d"
    assert report.inner_given() == close(100 * np.array(ERRORS) / eyes(truth, 3))


def test_errors_over_the_box_and_the_mean_of_the_groups(report, truth):
    box = box_around(truth.points).astype(np.float64)
    side = np.sqrt((box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]))
    errors = 100 * ALL_POINTS_SHARE * np.array(ERRORS) / side
    groups = [errors[:2].mean(), errors[2:4].mean(), errors[4]]  # 85 belongs to the last group, 88 to none.
    assert [group.errors.box_mean for group in report.yaw.groups] == close(groups)
    assert report.yaw.box_mean == close(np.mean(groups))
    assert report.yaw.beyond == 1


def test_an_empty_group_leaves_no_mean_of_the_groups(labelled, truth):
    frontal = LabelledSet("frontal", truth.subset(np.abs(truth.yaw) < 60), labelled.image, "")
    aligner = KnownAligner(truth.points, given=ERRORS, found=ERRORS)
    yaw = evaluate(aligner, frontal).report.yaw
    assert len(yaw.groups) == 2
    assert yaw.box_mean is None


@pytest.mark.parametrize(("normalizer", "dimensions"), [("eyes_3d", 3), ("eyes_2d", 2)])
def test_both_normalizers(report, truth, normalizer, dimensions):
    size = eyes(truth, dimensions)
    sideways = np.outer(ERRORS, POINT_SHARE)
    gte = report.three_d.gte[normalizer]
    assert (report.three_d.labels, report.three_d.faces) == ("set", 6)
    assert gte["xyz"] == close((100 * np.hypot(sideways, DEPTH_ERROR).mean(axis=1) / size).mean())
    assert [gte["x"], gte["xy"]] == close([(100 * sideways.mean(axis=1) / size).mean()] * 2)
    assert gte["z"] == close((100 * DEPTH_ERROR / size).mean())


def test_views_of_one_subject_are_compared(report, truth, labelled):
    aligner = KnownAligner(truth.points, given=ERRORS, found=ERRORS)
    said = evaluate(aligner, labelled).predictions.given
    expected = []
    for view, face in enumerate(said):
        others = [o for o in range(6) if o != view and SUBJECTS[o] == SUBJECTS[view]]
        if others:
            pairs = [metrics.cvgtce(face.landmarks[None], truth.points[[other]])[0] for other in others]
            expected.append(sum(pairs) / len(pairs))
    assert len(expected) == 5, "the last subject has one view"
    assert report.three_d.cvgtce["eyes_3d"] == close(np.mean(expected))


def test_cross_view_errors_of_a_rigid_turn_are_zero():
    points, _ = posed_faces(2, seed=5)
    turned = points @ np.array([[0.8, 0, -0.6], [0, 1, 0], [0.6, 0, 0.8]]).T
    truth = np.concatenate([points, turned])[:, FROM_68]
    errors = metrics.cross_view_errors(2 * truth + 7, truth, ["a", "b", "a", "b"])
    np.testing.assert_allclose(errors, 0, atol=1e-8)
    assert np.isnan(metrics.cross_view_errors(truth, truth, ["a", "b", "c", "d"])).all()


def test_a_face_that_was_missed_counts_as_failed_and_only_so(truth):
    points = list(truth.points + np.array([1.0, 0, 0]))
    points[4] = None
    found = summarize_found(truth, points)
    assert found.found == close(100 * 5 / 6)
    assert found.errors.faces == 5
    assert found.errors.inner_mean == close((100 / np.delete(eyes(truth, 3), 4)).mean())
    assert found.failures_with_missed == close(100 / 6)
    assert [(group.found, group.errors and group.errors.faces) for group in found.yaw.groups] == [
        (100, 2),
        (100, 2),
        (0, None),
    ]
    assert found.yaw.box_mean is None
    assert found.three_d.faces == 5
    json.dumps(found.as_dict(), allow_nan=False)


def test_an_aligner_that_finds_nobody(truth):
    nobody = summarize_found(truth, [None] * 6)
    assert (nobody.found, nobody.errors, nobody.failures_with_missed, nobody.three_d) == (0, None, 100, None)
    assert "| faces found, % | 0.0 |" in comparison_markdown({"nobody": nobody})


def test_the_table(report):
    shown = text(report)
    assert "outer-eye distance in 3D" in shown
    (across,) = (line for line in shown.splitlines() if line.startswith("CVGTCE"))
    assert across.split()[-1] == f"{report.three_d.cvgtce['eyes_3d']:.2f}"
    assert any(line.split()[-1] == "1" for line in shown.splitlines() if line.startswith("faces beyond"))
    (mean,) = (line for line in shown.splitlines() if "mean of the groups" in line)
    assert mean.split()[-1] == f"{report.yaw.box_mean:.2f}"


def test_markdown_has_a_column_for_each_set(report, labelled, truth):
    few = LabelledSet("few", truth.subset(np.arange(2)), labelled.image, "")
    few_report = evaluate(KnownAligner(truth.points, given=ERRORS, found=ERRORS), few).report
    shown = markdown({"all": report, "few": few_report})
    rows = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in shown.splitlines() if line}
    inner = [float(cell) for cell in rows["inner 49 points, mean error over the outer-eye distance in 3D, %"]]
    assert inner == pytest.approx([report.given.inner_mean, few_report.given.inner_mean], abs=0.006)
    assert float(rows["CVGTCE, 3D eye distance, %"][0]) == pytest.approx(
        report.three_d.cvgtce["eyes_3d"], abs=0.006
    )
    assert rows["CVGTCE, 3D eye distance, %"][1].strip() == "-", "the two are two subjects"
    assert "| all, degrees of yaw, either side | 0 to 30 | 30 to 60 | 60 to 85 |" in shown
    (boxes,) = (block for block in shown.split("\n\n") if "all, perturbed boxes" in block)
    assert len(boxes.splitlines()) == 2 + 12


def test_a_spread_of_the_set_keeps_photos_and_labels_together(labelled, truth):
    spread = labelled.spread(3)
    assert spread.truth.names == ("photo_0", "photo_2", "photo_4")
    assert spread.truth.subjects == ("a", "a", "a")
    np.testing.assert_array_equal(spread.truth.points, truth.points[::2])
    np.testing.assert_array_equal(spread.image(2), labelled.image(4))
    assert labelled.spread(None) is labelled.spread(6) is labelled
    with pytest.raises(DataError, match="at least 1 photo; got 0"):
        labelled.spread(0)


def test_labels_of_another_shape_are_refused(truth):
    with pytest.raises(DataError, match=r"shape \(2, 66, 3\) and yaw \(2,\); got \(2, 66, 2\) and \(2,\)"):
        truth_in_3d(["a", "b"], truth.points[:2, :, :2], truth.yaw[:2])
