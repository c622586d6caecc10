"""Errors of landmarks, as functions of arrays. Percentages unless said otherwise."""

import numpy as np
import numpy.typing as npt

from face_alignment_3d.markup import INNER, OUTER_EYE_CORNERS

Points = npt.NDArray[np.floating]
Errors = npt.NDArray[np.float64]


def eye_distance(points: Points) -> Errors:
    """(F, 66, D) -> (F,): distance between the outer eye corners, over the D coordinates given."""
    right, left = OUTER_EYE_CORNERS
    return np.linalg.norm(points[:, right].astype(np.float64) - points[:, left], axis=-1)


def point_errors(predicted: Points, truth: Points) -> Errors:
    """(F, 66, D) twice -> (F, 66) Euclidean distances."""
    return np.linalg.norm(predicted.astype(np.float64) - truth, axis=-1)


def inner_nme(predicted: Points, truth: Points) -> Errors:
    """(F, 66, 2) twice -> (F,): mean error of the 49 inner points over the outer-eye distance in 2D, percent."""
    return 100 * point_errors(predicted, truth)[:, INNER].mean(axis=1) / eye_distance(truth)


def box_nme(predicted: Points, truth: Points) -> Errors:
    """(F, 66, 2) twice -> (F,): mean error of all points over the root of the true bounding box's area, percent."""
    extent = (truth.max(axis=1) - truth.min(axis=1)).astype(np.float64)
    return 100 * point_errors(predicted, truth).mean(axis=1) / np.sqrt(extent[:, 0] * extent[:, 1])


def depth_error(predicted: Points, truth: Points) -> Errors:
    """(F, 66, 3) twice -> (F,): mean |z| error, both centred, over the outer-eye distance in 3D, percent."""
    difference = predicted[..., 2].astype(np.float64) - truth[..., 2]
    difference = difference - difference.mean(axis=1, keepdims=True)
    return 100 * np.abs(difference).mean(axis=1) / eye_distance(truth)


def failure_rate(errors: Errors, *, threshold: float = 8.0) -> float:
    """The percentage of faces whose error is above ``threshold``."""
    return float(100 * np.mean(errors > threshold))
