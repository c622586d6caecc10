"""The accuracy benchmark's entries in the manifest, and its comparisons."""

import accuracy
import numpy as np
import pytest

from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.evaluation.evaluate import evaluate
from face_alignment_3d.training.evaluation.truth import LabelledSet, truth_in_3d
from tests.training.known_errors import KnownAligner, labelled_set, labels, lifted_of, write_photos
from tests.training.synthetic_faces import posed_faces

ERRORS = (1.0, 2.0, 3.0)


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory):
    points68 = labels(3)
    photos = write_photos(tmp_path_factory.mktemp("photos"), points68)
    lifted = lifted_of(points68, yaw=[0.0, 20.0, 35.0], residual=[0.01] * 3)
    return labelled_set(photos, lifted), KnownAligner(
        lifted.points[:, FROM_68], given=ERRORS, found=(2.0, None, 6.0)
    )


class HalfBlind:
    """Finds every second face, exactly where the labels are."""

    def __init__(self, labelled):
        self.points = list(labelled.truth.points3d)

    def in_photos(self, images, boxes):
        return [points if index % 2 == 0 else None for index, points in enumerate(self.points)]

    def in_crops(self, images, boxes):
        return [None] * len(images)


def test_numbers_for_the_manifest(by_hand):
    labelled, aligner = by_hand
    stated = accuracy.stated(evaluate(aligner, labelled).report, "afw")
    assert stated["afw, given boxes, inner-49 NME, %"] == pytest.approx(2, rel=1e-3)
    assert stated["afw, boxes shifted and scaled by 10 %, change of NME, %"] == pytest.approx(200, rel=1e-2)
    assert stated["afw, own detector, faces found, %"] == pytest.approx(200 / 3, rel=1e-4)
    assert stated["afw, own detector, change of NME against given boxes, %"] == pytest.approx(100, rel=1e-3)
    assert not any("GTE" in name for name in stated), "z from a fit is not for the manifest"


def test_numbers_of_turned_photos_name_their_yaw(tmp_path):
    points, _ = posed_faces(3, seed=2)
    truth = truth_in_3d(
        ["a", "b", "c"], points[:, FROM_68], np.array([0.0, 50, 80]), yaw_edges=(0, 30, 60, 85)
    )
    photos = write_photos(tmp_path, labels(3))
    labelled = LabelledSet("afw-novel-views", truth, photos.image, "")
    report = evaluate(KnownAligner(truth.points, given=ERRORS, found=ERRORS), labelled).report
    stated = accuracy.stated(report, "afw-novel-views")
    for group, span in zip(report.yaw.groups, ("0-30", "30-60", "60-85"), strict=True):
        name = f"afw-novel-views, given boxes, all-66 2D NME over the box, yaw {span}, %"
        assert stated[name] == pytest.approx(group.errors.box_mean, abs=1e-4)
    gte = report.three_d.gte["eyes_3d"]["xyz"]
    assert stated["afw-novel-views, given boxes, GTE xyz (3D normalizer), %"] == pytest.approx(gte, abs=1e-4)
    assert "afw-novel-views, given boxes, inner-49 NME over the 3D eye distance, %" in stated


def test_a_peer_is_compared_on_all_faces_and_on_those_it_found(by_hand):
    labelled, aligner = by_hand
    lines = accuracy.compare(evaluate(aligner, labelled), labelled, HalfBlind(labelled))
    photo, crop = (
        f"MediaPipe {accuracy.VERSION}, {how}" for how in ("own detector", "crop around the given box")
    )
    assert lines["given boxes"].errors.inner_mean == pytest.approx(2, rel=1e-3)
    assert lines["own detector"].found == pytest.approx(200 / 3, rel=1e-4)
    assert lines[photo].found == pytest.approx(200 / 3, rel=1e-4)
    assert lines[photo].failures_with_missed == pytest.approx(100 / 3)
    assert lines[crop].errors is None
    same = lines["given boxes, on the faces that MediaPipe found (own detector)"]
    assert (same.errors.faces, same.errors.inner_mean) == (2, pytest.approx(2, rel=1e-3))
    assert not any("(crop)" in label for label in lines), "it found none there"
