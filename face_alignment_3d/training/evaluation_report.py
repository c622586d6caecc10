"""What predictions come to: numbers only, a pure function of predictions and labels.

Errors are percentages. "Inner" ones are the mean error in x, y of the 49 points of brows, nose, eyes and
mouth, over the hand-made distance between the outer eye corners. They leave out the jaw because a hand-made
jaw follows the visible outline, which on a turned head is not the jaw line that a 3D model has.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, get_args

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around
from face_alignment_3d.detection.overlap import intersection_over_union
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import FROM_68, INNER
from face_alignment_3d.training import metrics
from face_alignment_3d.training.datasets.photos68 import MAX_RESIDUAL, labelled_points
from face_alignment_3d.training.disturbance import Disturbance
from face_alignment_3d.training.lifting import Lifted

#: A face with a larger inner error counts as failed; the cumulative curve's area is taken up to here.
FAILURE: Final = 8.0
#: Degrees of |yaw| where a group of faces ends and the next one starts.
YAW_EDGES: Final = (0.0, 15.0, 30.0, 45.0, 180.0)
_CONFIDENCE_GROUPS: Final = 10


@dataclass(frozen=True)
class ErrorSummary:
    """The errors of some faces."""

    faces: int
    inner_mean: float
    inner_median: float
    failures: float
    """Percentage of the faces with an inner error over 8 %."""
    area_under_curve: float
    """Of the cumulative curve of inner errors up to 8 %, in percent of the best that can be."""
    all_points_mean: float
    """As ``inner_mean``, over all 66 points."""


@dataclass(frozen=True)
class YawGroup:
    """The faces that are turned by ``low`` to ``high`` degrees to either side, as the fit has it."""

    low: float
    high: float
    given: ErrorSummary
    found: float
    """Percentage of these faces that the detector found."""


@dataclass(frozen=True)
class DetectorReport:
    """How the aligner's own detector does, and what its boxes cost."""

    found: float
    """Percentage of the labelled faces."""
    errors: ErrorSummary | None
    """Of the faces that were found; None when none was, as are the three below."""
    given_inner_mean: float | None
    """The mean inner error of the same faces from the reference boxes."""
    relative_change: float | None
    """By how many percent ``errors.inner_mean`` is above ``given_inner_mean``; negative when below."""
    overlap_mean: float | None
    """Mean IoU of the detector's boxes with the reference boxes, in [0, 1]."""
    failures_with_missed: float
    """Percentage of all labelled faces that were missed or have an inner error over 8 %."""


@dataclass(frozen=True)
class DisturbedReport:
    """What one way of spoiling the reference boxes costs."""

    kind: str
    level: float
    inner_mean: float
    failures: float
    relative_change: float
    """How much larger the mean inner error is than from the exact boxes, percent."""


@dataclass(frozen=True)
class ConfidenceGroup:
    """A tenth of the inner points, by their confidence."""

    lowest: float
    highest: float
    error_mean: float
    """Mean distance to the hand-made points over the outer-eye distance, percent."""


@dataclass(frozen=True)
class ConfidenceReport:
    """Whether low confidence goes with large errors: Spearman's rank correlations, given boxes, inner points.

    At -1 the least confident point has the largest error, and so on down; at 0 confidence says nothing. NaN
    where it does not vary.
    """

    points: float
    """Over all inner points of all faces."""
    within_point: float
    """Over all faces for each inner point by itself, averaged: without what its place in the face tells."""
    faces: float
    """Of a face's mean confidence with its inner error."""
    groups: tuple[ConfidenceGroup, ...]
    """From the least confident tenth to the most."""


@dataclass(frozen=True)
class LiftedReport:
    """The predictions against the lifted labels: x, y by hand where visible, z and the hidden jaw from a fit.

    So the z here is not measured: some of its error is the fit's own.
    """

    faces: int
    """Those whose fit agrees with the hand-made points well enough to be believed."""
    gte: Mapping[str, float]
    """Axes -> mean GTE (:func:`face_alignment_3d.training.metrics.gte`) over the outer-eye distance in 3D."""


@dataclass(frozen=True)
class FaceErrors:
    """One labelled face."""

    name: str
    yaw: float
    """Degrees, from the fit."""
    inner_given: float
    inner_found: float | None
    """None when the detector missed the face."""


@dataclass(frozen=True)
class Report:
    """The numbers of an evaluation."""

    given: ErrorSummary
    """From the reference boxes."""
    detector: DetectorReport
    yaw: tuple[YawGroup, ...]
    """Groups without a face are left out."""
    disturbed: tuple[DisturbedReport, ...]
    confidence: ConfidenceReport
    lifted: LiftedReport | None
    """None when no face has a fit to be believed."""
    faces: tuple[FaceErrors, ...]
    """In the order of the photos."""

    def inner_given(self) -> npt.NDArray[np.float64]:
        """(N,) inner errors from the reference boxes."""
        return np.array([face.inner_given for face in self.faces])

    def inner_found(self) -> npt.NDArray[np.float64]:
        """(N,) inner errors with the detector; infinite for a face that it missed."""
        return np.array([math.inf if face.inner_found is None else face.inner_found for face in self.faces])

    def as_dict(self) -> dict[str, Any]:
        """The report as what :mod:`json` takes; undefined numbers are None."""
        plain: dict[str, Any] = _without_nan(asdict(self))
        return plain


def summarise(
    *,
    names: Sequence[str],
    points68: npt.NDArray[np.floating],
    lifted: Lifted,
    given: Sequence[Face3D],
    found: Sequence[Face3D | None],
    disturbed: Mapping[Disturbance, npt.NDArray[np.float32]],
) -> Report:
    """The report on N >= 1 faces with hand-made ``points68`` (N, 68, 2) in the pixels of the predictions."""
    truth = points68[:, FROM_68].astype(np.float64)
    predicted = np.stack([face.landmarks for face in given])
    inner = metrics.inner_nme(predicted[..., :2], truth)
    is_found = np.array([face is not None for face in found])
    detector, inner_found = _detector(found, is_found, truth, inner)
    return Report(
        given=_errors(predicted, truth),
        detector=detector,
        yaw=_by_yaw(np.abs(lifted.yaw), predicted, truth, is_found),
        disturbed=tuple(_disturbed(how, points, truth, inner) for how, points in disturbed.items()),
        confidence=_confidence(np.stack([face.confidence for face in given]), predicted, truth),
        lifted=_against_lifted(predicted, points68.astype(np.float32), lifted),
        faces=tuple(
            FaceErrors(name, float(yaw), float(error), None if math.isinf(other) else float(other))
            for name, yaw, error, other in zip(names, lifted.yaw, inner, inner_found, strict=True)
        ),
    )


def _errors(predicted: metrics.Points, truth: metrics.Points) -> ErrorSummary:
    inner = metrics.inner_nme(predicted[..., :2], truth)
    return ErrorSummary(
        faces=len(inner),
        inner_mean=float(inner.mean()),
        inner_median=float(np.median(inner)),
        failures=metrics.failure_rate(inner, threshold=FAILURE),
        area_under_curve=metrics.area_under_curve(inner, threshold=FAILURE),
        all_points_mean=float(metrics.all_points_nme(predicted[..., :2], truth).mean()),
    )


def _detector(
    found: Sequence[Face3D | None],
    is_found: npt.NDArray[np.bool_],
    truth: npt.NDArray[np.float64],
    inner_given: metrics.Errors,
) -> tuple[DetectorReport, metrics.Errors]:
    """The report, and the (N,) inner errors, infinite where the detector missed the face."""
    inner = np.full(len(truth), math.inf)
    faces = [face for face in found if face is not None]
    if not faces:
        return DetectorReport(0.0, None, None, None, None, 100.0), inner
    predicted, truth = np.stack([face.landmarks for face in faces]), truth[is_found]
    inner[is_found] = metrics.inner_nme(predicted[..., :2], truth)
    errors = _errors(predicted, truth)
    given_mean = float(inner_given[is_found].mean())
    overlaps = intersection_over_union(np.stack([face.box for face in faces]), box_around(truth)).diagonal()
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
    turned: npt.NDArray[np.float64],
    predicted: metrics.Points,
    truth: metrics.Points,
    is_found: npt.NDArray[np.bool_],
) -> tuple[YawGroup, ...]:
    groups = []
    for low, high in itertools.pairwise(YAW_EDGES):
        inside = (low <= turned) & (turned < high)
        if inside.any():
            found = float(100 * is_found[inside].mean())
            groups.append(YawGroup(low, high, _errors(predicted[inside], truth[inside]), found))
    return tuple(groups)


def _disturbed(
    how: Disturbance, predicted: metrics.Points, truth: metrics.Points, inner_given: metrics.Errors
) -> DisturbedReport:
    inner = metrics.inner_nme(predicted[..., :2], truth)
    mean = float(inner.mean())
    failures = metrics.failure_rate(inner, threshold=FAILURE)
    return DisturbedReport(how.kind, how.level, mean, failures, _change(mean, float(inner_given.mean())))


def _confidence(
    confidence: npt.NDArray[np.floating], predicted: metrics.Points, truth: metrics.Points
) -> ConfidenceReport:
    distances = metrics.point_errors(predicted[..., :2], truth)[:, INNER]
    errors = 100 * distances / metrics.eye_distance(truth)[:, None]
    inner = confidence[:, INNER].astype(np.float64)
    order = np.argsort(inner, axis=None, kind="stable")
    groups = [
        (inner.flat[tenth], errors.flat[tenth].mean()) for tenth in np.array_split(order, _CONFIDENCE_GROUPS)
    ]
    within = [metrics.rank_correlation(c, e) for c, e in zip(inner.T, errors.T, strict=True)]
    return ConfidenceReport(
        points=metrics.rank_correlation(inner.ravel(), errors.ravel()),
        within_point=float(np.mean(within)),
        faces=metrics.rank_correlation(inner.mean(axis=1), errors.mean(axis=1)),
        groups=tuple(ConfidenceGroup(float(c[0]), float(c[-1]), float(mean)) for c, mean in groups),
    )


def _against_lifted(
    predicted: metrics.Points, points68: npt.NDArray[np.float32], lifted: Lifted
) -> LiftedReport | None:
    believed = lifted.residual <= MAX_RESIDUAL
    if not believed.any():
        return None
    truth = labelled_points(points68, lifted)[believed]
    errors = {axes: metrics.gte(predicted[believed], truth, axes=axes) for axes in get_args(metrics.Axes)}
    return LiftedReport(int(believed.sum()), {axes: float(error.mean()) for axes, error in errors.items()})


def _change(value: float, reference: float) -> float:
    """By how many percent ``value`` is larger than ``reference``; NaN from a perfect reference."""
    return 100 * (value / reference - 1) if reference > 0 else math.nan


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
