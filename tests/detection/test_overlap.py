"""Overlaps of boxes, and faces found twice."""

import numpy as np

from face_alignment_3d.detection.overlap import intersection_over_union, without_duplicates


def test_intersection_over_union() -> None:
    first = np.array([[0.0, 0, 10, 10], [20, 20, 30, 30]])
    second = np.array([[5.0, 0, 15, 10], [0, 0, 10, 10], [10, 0, 20, 10]])
    np.testing.assert_allclose(intersection_over_union(first, second), [[1 / 3, 1, 0], [0, 0, 0]])


def test_the_better_of_two_overlapping_boxes_stays() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]])
    assert without_duplicates(boxes, np.array([0.8, 0.9, 0.7]), share=0.6).tolist() == [1, 2]


def test_a_box_inside_another_is_a_duplicate() -> None:
    boxes = np.array([[0.0, 0, 100, 100], [40, 40, 60, 60]])
    assert without_duplicates(boxes, np.array([0.99, 0.95]), share=0.6).tolist() == [0]


def test_neighbors_both_stay() -> None:
    boxes = np.array([[0.0, 0, 100, 100], [60, 0, 160, 100]])
    assert without_duplicates(boxes, np.array([0.9, 0.95]), share=0.6).tolist() == [1, 0]


def test_a_dropped_box_drops_no_other() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [3, 0, 13, 10], [6, 0, 16, 10]])
    assert without_duplicates(boxes, np.array([0.9, 0.8, 0.7]), share=0.6).tolist() == [0, 2]


def test_no_boxes() -> None:
    assert without_duplicates(np.zeros((0, 4)), np.zeros(0), share=0.5).shape == (0,)
    assert intersection_over_union(np.zeros((0, 4)), np.zeros((2, 4))).shape == (0, 2)
