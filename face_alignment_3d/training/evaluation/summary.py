"""Summaries of predictions: pure functions from predictions and labels to the numbers of a report."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Final, get_args

import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.overlap import intersection_over_union
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import INNER
from face_alignment_3d.training.data.perturbation import Perturbation
from face_alignment_3d.training.evaluation import metrics
from face_alignment_3d.training.evaluation.published import PublishedReport, summarize_published
from face_alignment_3d.training.evaluation.report import (
    FAILURE,
    ConfidenceGroup,
    ConfidenceReport,
    DetectorReport,
    ErrorSummary,
    FaceErrors,
    FoundReport,
    PerturbedReport,
    Report,
    ThreeDReport,
    YawGroup,
    YawReport,
)
from face_alignment_3d.training.evaluation.truth import FurtherLabels, Truth

_CONFIDENCE_GROUPS: Final = 10
_AXES: Final[tuple[metrics.Axes, ...]] = get_args(metrics.Axes)
_NORMALIZERS: Final[tuple[metrics.Normalizer, ...]] = ("eyes_3d", "eyes_2d")


def summarize(
    truth: Truth,
    *,
    given: Sequence[Face3D],
    found: Sequence[Face3D | None],
    perturbed: Mapping[Perturbation, npt.NDArray[np.float32]],
    further: FurtherLabels | None = None,
) -> Report:
    """The report on N >= 1 faces: predictions from the reference boxes, the detector's and perturbed ones.

    ``perturbed`` has (N, 66, 3) landmarks for each way of perturbing; all are in the pixels of ``truth``.
    """
    predicted = np.stack([face.landmarks for face in given])
    inner = inner_errors(predicted, truth)
    detector, inner_found = _detector(found, truth, inner)
    return Report(
        normalizer=truth.normalizer,
        given=_errors(predicted, truth),
        detector=detector,
        yaw=_by_yaw(predicted, truth, np.ones(len(truth), bool), _is_found(found)),
        perturbed=tuple(_perturbed(how, points, truth, inner) for how, points in perturbed.items()),
        confidence=_confidence(np.stack([face.confidence for face in given]), predicted, truth),
        three_d=_in_3d(predicted, truth),
        faces=_face_by_face(predicted, truth, inner, inner_found),
        published=None if further is None else _published(truth, further, predicted, given),
    )


def summarize_found(truth: Truth, landmarks: Sequence[npt.NDArray[np.floating] | None]) -> FoundReport:
    """The report on any aligner's (66, 3) landmarks of N >= 1 faces, None for those that it missed."""
    is_found = _is_found(landmarks)
    inner = np.full(len(truth), math.inf)
    found = [points for points in landmarks if points is not None]
    predicted = np.stack(found) if found else np.zeros((0, *truth.points3d.shape[1:]))
    known = truth.subset(is_found)
    if found:
        inner[is_found] = inner_errors(predicted, known)
    everywhere = np.full(truth.points3d.shape, math.nan)
    everywhere[is_found] = predicted
    return FoundReport(
        found=float(100 * is_found.mean()),
        errors=_errors(predicted, known) if found else None,
        failures_with_missed=metrics.failure_rate(inner, threshold=FAILURE),
        yaw=_by_yaw(everywhere, truth, is_found, is_found),
        three_d=_in_3d(predicted, known),
    )


def inner_errors(predicted: metrics.Points, truth: Truth) -> metrics.Errors:
    """(N, 66, 3) landmarks -> (N,) inner errors in percent of the eye distance that the labels have."""
    return metrics.inner_nme(predicted, truth.points, normalizer=truth.normalizer)


def _published(
    truth: Truth, further: FurtherLabels, predicted: metrics.Points, given: Sequence[Face3D]
) -> PublishedReport:
    """The published protocols' report; for weights without visibility the confidence is used in its place."""
    visibility = [said for face in given if (said := getattr(face, "visibility", None)) is not None]
    if len(visibility) < len(given):
        confidence = np.stack([face.confidence for face in given])
        return summarize_published(truth, further, predicted, confidence, "confidence")
    return summarize_published(truth, further, predicted, np.stack(visibility), "visibility")


def _is_found(faces: Sequence[object | None]) -> npt.NDArray[np.bool_]:
    return np.array([face is not None for face in faces], dtype=bool)


def _errors(predicted: metrics.Points, truth: Truth) -> ErrorSummary:
    inner = inner_errors(predicted, truth)
    all_points = metrics.all_points_nme(predicted, truth.points, normalizer=truth.normalizer)
    return ErrorSummary(
        faces=len(inner),
        inner_mean=float(inner.mean()),
        inner_median=float(np.median(inner)),
        failures=metrics.failure_rate(inner, threshold=FAILURE),
        area_under_curve=metrics.area_under_curve(inner, threshold=FAILURE),
        all_points_mean=float(all_points.mean()),
        box_mean=float(metrics.box_nme(predicted, truth.points).mean()),
    )


def _detector(
    found: Sequence[Face3D | None], truth: Truth, inner_given: metrics.Errors
) -> tuple[DetectorReport, metrics.Errors]:
    """The report, and the (N,) inner errors, infinite where the detector missed the face."""
    inner = np.full(len(truth), math.inf)
    faces = [face for face in found if face is not None]
    if not faces:
        return DetectorReport(0.0, None, None, None, None, 100.0), inner
    is_found = _is_found(found)
    predicted, known = np.stack([face.landmarks for face in faces]), truth.subset(is_found)
    inner[is_found] = inner_errors(predicted, known)
    errors = _errors(predicted, known)
    given_mean = float(inner_given[is_found].mean())
    boxes = np.stack([face.box for face in faces])
    overlaps = intersection_over_union(boxes, known.boxes).diagonal()
    report = DetectorReport(
        found=float(100 * is_found.mean()),
        errors=errors,
        given_inner_mean=given_mean,
        relative_change=_change(errors.inner_mean, given_mean),
        overlap_mean=float(overlaps.mean()),
        failures_with_missed=metrics.failure_rate(inner, threshold=FAILURE),
    )
    return report, inner


def _by_yaw(
    predicted: metrics.Points,
    truth: Truth,
    is_predicted: npt.NDArray[np.bool_],
    is_found: npt.NDArray[np.bool_],
) -> YawReport:
    """``predicted`` (N, 66, 3) counts only where ``is_predicted`` (N,)."""
    turned = np.abs(truth.yaw)
    last = truth.yaw_edges[-1]
    groups = []
    for low, high in itertools.pairwise(truth.yaw_edges):
        inside = (low <= turned) & ((turned <= high) if high == last else (turned < high))
        if inside.any():
            chosen = inside & is_predicted
            known, points = truth.subset(chosen), predicted[chosen]
            errors = _errors(points, known) if chosen.any() else None
            groups.append(
                YawGroup(low, high, float(100 * is_found[inside].mean()), errors, _gte_xyz(points, known))
            )
    means = [group.errors.box_mean for group in groups if group.errors is not None]
    complete = truth.has_depth and len(means) == len(truth.yaw_edges) - 1
    return YawReport(tuple(groups), int((turned > last).sum()), float(np.mean(means)) if complete else None)


def _gte_xyz(predicted: metrics.Points, truth: Truth) -> float | None:
    known = truth.valid
    return float(metrics.gte(predicted[known], truth.points3d[known]).mean()) if known.any() else None


def _in_3d(predicted: metrics.Points, truth: Truth) -> ThreeDReport | None:
    known = truth.subset(truth.valid)
    if not len(known):
        return None
    points = predicted[truth.valid]
    gte: dict[str, dict[str, float]] = {
        normalizer: {
            axes: float(metrics.gte(points, known.points3d, axes=axes, normalizer=normalizer).mean())
            for axes in _AXES
        }
        for normalizer in _NORMALIZERS
    }
    labels = "set" if truth.has_depth else "fit"
    return ThreeDReport(labels, len(known), gte, _across_views(points, known))


def _across_views(predicted: metrics.Points, truth: Truth) -> dict[str, float] | None:
    if truth.subjects is None or len(set(truth.subjects)) == len(truth):
        return None
    return {
        normalizer: float(
            np.nanmean(
                metrics.cross_view_errors(predicted, truth.points3d, truth.subjects, normalizer=normalizer)
            )
        )
        for normalizer in _NORMALIZERS
    }


def _perturbed(
    how: Perturbation, predicted: metrics.Points, truth: Truth, inner_given: metrics.Errors
) -> PerturbedReport:
    inner = inner_errors(predicted, truth)
    mean = float(inner.mean())
    failures = metrics.failure_rate(inner, threshold=FAILURE)
    return PerturbedReport(how.kind, how.level, mean, failures, _change(mean, float(inner_given.mean())))


def _confidence(
    confidence: npt.NDArray[np.floating], predicted: metrics.Points, truth: Truth
) -> ConfidenceReport:
    distances = metrics.point_errors(predicted[..., :2], truth.points[..., :2])[:, INNER]
    errors = 100 * distances / metrics.size_of(truth.points, truth.normalizer)[:, None]
    inner = confidence[:, INNER].astype(np.float64)
    labelled = np.isfinite(errors)
    said, error = inner[labelled], errors[labelled]
    tenths = np.array_split(np.argsort(said, kind="stable"), _CONFIDENCE_GROUPS)
    groups = [(said[tenth], error[tenth].mean()) for tenth in tenths if tenth.size]
    by_point = [metrics.rank_correlation(c, e) for c, e in zip(inner.T, errors.T, strict=True)]
    within = [one for one in by_point if math.isfinite(one)]
    of_face = [np.where(labelled, values, 0).sum(axis=1) / labelled.sum(axis=1) for values in (inner, errors)]
    return ConfidenceReport(
        points=metrics.rank_correlation(said, error),
        within_point=float(np.mean(defined))
        if (defined := [one for one in within if not math.isnan(one)])
        else math.nan,
        faces=metrics.rank_correlation(of_face[0], of_face[1]),
        groups=tuple(ConfidenceGroup(float(c[0]), float(c[-1]), float(mean)) for c, mean in groups),
    )


def _face_by_face(
    predicted: metrics.Points, truth: Truth, inner: metrics.Errors, inner_found: metrics.Errors
) -> tuple[FaceErrors, ...]:
    gte = {axes: metrics.gte(predicted, truth.points3d, axes=axes) for axes in _AXES}
    return tuple(
        FaceErrors(
            name=name,
            yaw=float(truth.yaw[i]),
            inner_given=float(inner[i]),
            inner_found=None if math.isinf(inner_found[i]) else float(inner_found[i]),
            gte={axes: float(errors[i]) for axes, errors in gte.items()} if truth.valid[i] else None,
        )
        for i, name in enumerate(truth.names)
    )


def _change(value: float, reference: float) -> float:
    """The increase of ``value`` over ``reference`` in percent; NaN where that is 0."""
    return 100 * (value / reference - 1) if reference > 0 else math.nan
