"""Errors of landmarks, as functions of arrays. Percentages unless said otherwise.

Where the labels in x, y have points that are NaN, these are left out: nobody labelled them.
"""

import math
import warnings
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation
from scipy.stats import ConstantInputWarning, rankdata, spearmanr

from face_alignment_3d.markup import INNER, OUTER_EYE_CORNERS
from face_alignment_3d.pose.similarity import umeyama

Points = npt.NDArray[np.floating]
Errors = npt.NDArray[np.float64]
Axes: TypeAlias = Literal["xyz", "xy", "x", "y", "z"]
#: The denominator of errors: the distance between the outer eye corners, or the root of a box's area.
Normalizer: TypeAlias = Literal["eyes_2d", "eyes_3d", "box"]


def eye_distance(points: Points) -> Errors:
    """(F, 66, D) -> (F,): distance between the outer eye corners, over the D coordinates given."""
    right, left = OUTER_EYE_CORNERS
    distances: Errors = np.linalg.norm(points[:, right].astype(np.float64) - points[:, left], axis=-1)
    return distances


def point_errors(predicted: Points, truth: Points) -> Errors:
    """(F, 66, D) twice -> (F, 66) Euclidean distances."""
    distances: Errors = np.linalg.norm(predicted.astype(np.float64) - truth, axis=-1)
    return distances


def inner_nme(predicted: Points, truth: Points, *, normalizer: Normalizer = "eyes_2d") -> Errors:
    """Mean error in x, y of the 49 inner points over the true outer-eye distance: (F,), percent.

    ``predicted`` and ``truth`` are (F, 66, 2) or (F, 66, 3); ``"eyes_3d"`` needs a ``truth`` with z. Seen
    from the side the eyes are close together in 2D, so that only the distance in 3D measures the face.
    """
    errors = mean_distance(predicted[:, INNER, :2], truth[:, INNER, :2])
    return 100 * errors / size_of(truth, normalizer)


def all_points_nme(predicted: Points, truth: Points, *, normalizer: Normalizer = "eyes_2d") -> Errors:
    """As :func:`inner_nme`, over all 66 points."""
    errors = mean_distance(predicted[..., :2], truth[..., :2])
    return 100 * errors / size_of(truth, normalizer)


def box_nme(predicted: Points, truth: Points) -> Errors:
    """Mean error in x, y of all points over the root of the area of their true bounding box: (F,), percent.

    ``predicted`` and ``truth`` are (F, 66, 2) or (F, 66, 3). This is the NME of AFLW2000-3D.
    """
    return all_points_nme(predicted, truth, normalizer="box")


def box_nme_3d(predicted: Points, truth: Points) -> Errors:
    """As :func:`box_nme`, of distances in x, y, z: (F, 66, 3) twice -> (F,). z is centered in both."""
    return gte(predicted, truth, axes="xyz", normalizer="box")


def box_size(points: Points) -> Errors:
    """(F, P, 2 or more) -> (F,): the root of the area of the bounding box in x, y."""
    extent = (np.nanmax(points[..., :2], axis=1) - np.nanmin(points[..., :2], axis=1)).astype(np.float64)
    size: Errors = np.sqrt(extent[:, 0] * extent[:, 1])
    return size


def mean_distance(predicted: Points, truth: Points) -> Errors:
    """(F, P, D) twice -> (F,): the mean distance of the labelled points; NaN for a face without any."""
    labelled = np.isfinite(truth).all(axis=-1)
    sums = np.where(labelled, point_errors(predicted, truth), 0.0).sum(axis=1)
    counts = labelled.sum(axis=1)
    means: Errors = np.divide(sums, counts, out=np.full(len(sums), math.nan), where=counts > 0)
    return means


def depth_error(predicted: Points, truth: Points) -> Errors:
    """(F, 66, 3) twice -> (F,): mean absolute error of z (centered) over the outer-eye distance in 3D; %."""
    difference = predicted[..., 2].astype(np.float64) - truth[..., 2]
    difference = difference - difference.mean(axis=1, keepdims=True)
    errors: Errors = 100 * np.abs(difference).mean(axis=1) / eye_distance(truth)
    return errors


def failure_rate(errors: Errors, *, threshold: float = 8.0) -> float:
    """The percentage of faces whose error is above ``threshold``."""
    return float(100 * np.mean(errors > threshold))


def cumulative_share(errors: Errors, thresholds: Errors) -> Errors:
    """The cumulative error curve: the percentage of (F,) errors that are at most each of (T,) thresholds."""
    return 100 * np.searchsorted(np.sort(errors), thresholds, side="right") / len(errors)


def area_under_curve(errors: Errors, *, threshold: float = 8.0) -> float:
    """The area under the cumulative error curve from 0 to ``threshold``, in percent of the whole rectangle.

    Exact, not sampled: a face adds the part of the range that lies above its error; infinite errors add none.
    """
    return float(100 * np.clip(1 - errors / threshold, 0, None).mean())


def gte(
    predicted: Points, truth: Points, *, axes: Axes = "xyz", normalizer: Normalizer = "eyes_3d"
) -> Errors:
    """Ground truth error of the 3DFAW challenge: (F, 66, 3) twice -> (F,), percent; the score is its mean.

    The mean over the points of the distance along ``axes``, over the true distance between the outer eye
    corners. That distance is taken in x, y, z (``"eyes_3d"``) or in x, y (``"eyes_2d"``); on a turned head
    the latter is shorter and the error larger, so say which one a number has. z is centered in prediction and
    truth, as its origin is arbitrary.
    """
    difference = predicted.astype(np.float64) - truth
    difference[..., 2] -= difference[..., 2].mean(axis=1, keepdims=True)
    used = ["xyz".index(axis) for axis in axes]
    distances: Errors = np.linalg.norm(difference[..., used], axis=-1).mean(axis=1)
    return 100 * distances / size_of(truth, normalizer)


def cvgtce(predicted: Points, other_view: Points, *, normalizer: Normalizer = "eyes_3d") -> Errors:
    """Cross-view ground truth consistency error: (F, 66, 3) twice -> (F,), percent; the score is its mean.

    ``other_view`` is the truth of another view of the same subject. The prediction is laid over it by the
    best similarity (scale, rotation, translation; Umeyama), and what is left counts as in :func:`gte`.
    """
    target = other_view.astype(np.float64)
    scale, rotation, translation = umeyama(predicted.astype(np.float64), target)
    moved = scale[:, None, None] * np.einsum("fpi,fji->fpj", predicted, rotation) + translation[:, None]
    distances: Errors = point_errors(moved, target).mean(axis=1)
    return 100 * distances / size_of(target, normalizer)


def cross_view_errors(
    predicted: Points, truth: Points, subjects: Sequence[str], *, normalizer: Normalizer = "eyes_3d"
) -> Errors:
    """:func:`cvgtce` of each face, the mean over all other views of its subject: (F,), percent.

    ``predicted`` and ``truth`` are (F, 66, 3); ``subjects`` (F,) says who each face is. NaN where a subject
    has one view only.
    """
    who = np.unique(np.asarray(subjects), return_inverse=True)[1].reshape(-1)
    view, other = np.nonzero((who[:, None] == who[None]) & ~np.eye(len(who), dtype=bool))
    errors = np.full(len(who), math.nan)
    if view.size:
        pairs = cvgtce(predicted[view], truth[other], normalizer=normalizer)
        counts = np.bincount(view, minlength=len(who))
        sums = np.bincount(view, weights=pairs, minlength=len(who))
        errors[counts > 0] = sums[counts > 0] / counts[counts > 0]
    return errors


def rank_correlation(first: Errors, second: Errors) -> float:
    """Spearman's rank correlation of two (F,) arrays, in [-1, 1]; NaN where one of them does not vary.

    Pairs with a NaN are left out.
    """
    known = np.isfinite(first) & np.isfinite(second)
    if known.sum() < 2:
        return math.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)
        return float(spearmanr(first[known], second[known]).statistic)


def area_under_roc(positive: Errors, negative: Errors) -> float:
    """The chance that one of (P,) values is larger than one of (N,) others, ties half.

    That is the area under the receiver operating characteristic, in [0, 1]; NaN where one array is empty.
    """
    if not positive.size or not negative.size:
        return math.nan
    ranks = rankdata(np.concatenate([positive.ravel(), negative.ravel()]))[: positive.size]
    above = ranks.sum() - positive.size * (positive.size + 1) / 2
    return float(above / (positive.size * negative.size))


def geodesic_angle(first: Errors, second: Errors) -> Errors:
    """(F, 3, 3) rotations twice -> (F,): the angle of the rotation between them, degrees."""
    between = Rotation.from_matrix(first).inv() * Rotation.from_matrix(second)
    angles: Errors = np.degrees(between.magnitude())
    return angles


def size_of(truth: Points, normalizer: Normalizer) -> Errors:
    """(F, 66, D) -> (F,): the size that errors are divided by, in pixels."""
    if normalizer == "box":
        return box_size(truth)
    return eye_distance(truth if normalizer == "eyes_3d" else truth[..., :2])
