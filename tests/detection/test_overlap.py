"""Overlaps of boxes, and faces found twice."""

import numpy as np

from face_alignment_3d.detection.overlap import (
    few_of_a_place,
    intersection_over_smaller,
    intersection_over_union,
    non_maximum_suppression,
)


def test_intersection_over_union() -> None:
    first = np.array([[0.0, 0, 10, 10], [20, 20, 30, 30]])
    second = np.array([[5.0, 0, 15, 10], [0, 0, 10, 10], [10, 0, 20, 10]])
    np.testing.assert_allclose(intersection_over_union(first, second), [[1 / 3, 1, 0], [0, 0, 0]])


def test_intersection_over_smaller() -> None:
    first = np.array([[0.0, 0, 100, 100]])
    second = np.array([[40.0, 40, 60, 60], [90, 0, 190, 100], [200, 0, 300, 100]])
    np.testing.assert_allclose(intersection_over_smaller(first, second), [[1, 0.1, 0]])


def test_few_of_a_place_stay_best_first() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [1, 0, 11, 10], [0, 1, 10, 11], [50, 50, 60, 60]])
    scores = np.array([0.8, 0.9, 0.7, 0.5])
    assert few_of_a_place(boxes, scores, overlap=0.4, most=1).tolist() == [1, 3]
    assert few_of_a_place(boxes, scores, overlap=0.4, most=2).tolist() == [1, 0, 3]
    assert few_of_a_place(boxes, scores, overlap=0.95, most=1).tolist() == [1, 0, 2, 3]


def test_suppression_within_groups() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [1, 0, 11, 10], [0, 1, 10, 11]])
    scores = np.array([0.8, 0.9, 0.7])
    assert non_maximum_suppression(boxes, scores, overlap=0.5).tolist() == [1]
    groups = np.array([0.0, 1.5, 0.0])
    assert non_maximum_suppression(boxes, scores, overlap=0.5, groups=groups).tolist() == [1, 0]


def test_no_boxes() -> None:
    assert few_of_a_place(np.zeros((0, 4)), np.zeros(0), overlap=0.5, most=1).shape == (0,)
    assert intersection_over_union(np.zeros((0, 4)), np.zeros((2, 4))).shape == (0, 2)
