"""The numbers of an evaluation, with their definitions and units.

Errors are percentages. "Inner" ones are the mean error in x, y of the 49 points of brows, nose, eyes and
mouth, over the distance between the outer eye corners: in 2D for hand-made labels, which have no other, and
in 3D for labels with z, because on a head seen from the side the eyes are close together in 2D. Where only
the points that can be seen are labelled, errors are over the root of the area of their box. Inner errors
leave out the jaw because a hand-made jaw follows the visible outline, which on a turned head is not the jaw
line that a 3D model has.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.training.evaluation.published import PublishedReport

#: A face with a larger inner error counts as failed; the cumulative curve's area is taken up to here.
FAILURE: Final = 8.0


@dataclass(frozen=True)
class ErrorSummary:
    """The errors of some faces."""

    faces: int
    inner_mean: float
    inner_median: float
    failures: float
    """Percentage of the faces with an inner error over 8 %."""
    area_under_curve: float
    """The area under the cumulative curve of inner errors up to 8 %, in percent of the best possible."""
    all_points_mean: float
    """As ``inner_mean``, over all 66 points."""
    box_mean: float
    """The mean error of all 66 points over the root of the reference box's area."""


@dataclass(frozen=True)
class YawGroup:
    """The faces that are turned by ``low`` to ``high`` degrees to either side."""

    low: float
    high: float
    found: float
    """Percentage of these faces that the detector found."""
    errors: ErrorSummary | None
    """From the reference boxes; in a :class:`FoundReport` of the faces found, None without any."""
    gte_xyz: float | None
    """Mean GTE over x, y, z and the outer-eye distance in 3D; None when no z is valid."""


@dataclass(frozen=True)
class YawReport:
    """Errors by the yaw of the heads."""

    groups: tuple[YawGroup, ...]
    """Groups without a labelled face are left out."""
    beyond: int
    """The number of faces that are turned further than the last group reaches."""
    box_mean: float | None
    """The mean of the groups' ``box_mean``, in which every group counts the same. None where labels have no z
    (the jaw of a turned head is then not comparable) and where a group is empty."""


@dataclass(frozen=True)
class ThreeDReport:
    """The predictions against labels in 3D."""

    labels: str
    """"set": the set's own. "fit": x, y by hand where visible, z and the hidden jaw from a face model fitted
    to them; z is not measured then, and some of its error is the fit's own."""
    faces: int
    """The number of faces whose labels are valid; with a fit, those where it agrees with the hand-made
    points."""
    gte: Mapping[str, Mapping[str, float]]
    """Normalizer ("eyes_3d", "eyes_2d") -> axes -> mean
    :func:`face_alignment_3d.training.evaluation.metrics.gte`."""
    cvgtce: Mapping[str, float] | None
    """Normalizer -> mean :func:`face_alignment_3d.training.evaluation.metrics.cross_view_errors`; None unless
    the set has several views of one face."""


@dataclass(frozen=True)
class FoundReport:
    """The errors of an aligner that chooses its faces itself, and may miss some."""

    found: float
    """The percentage of the labelled faces that were found."""
    errors: ErrorSummary | None
    """Of the faces found; None when none was."""
    failures_with_missed: float
    """Percentage of all labelled faces that were missed or have an inner error over 8 %."""
    yaw: YawReport
    three_d: ThreeDReport | None
    """Of the faces found; None when none of them has labels in 3D."""

    def as_dict(self) -> dict[str, Any]:
        """The report as what :mod:`json` takes; undefined numbers are None."""
        return _plain(self)


@dataclass(frozen=True)
class DetectorReport:
    """The results with the aligner's own detector, and the cost in accuracy of its boxes."""

    found: float
    """The percentage of the labelled faces that were found."""
    errors: ErrorSummary | None
    """Of the faces that were found; None when none was, as are the three below."""
    given_inner_mean: float | None
    """The mean inner error of the same faces from the reference boxes."""
    relative_change: float | None
    """The increase of ``errors.inner_mean`` over ``given_inner_mean`` in percent; negative when below."""
    overlap_mean: float | None
    """Mean IoU of the detector's boxes with the reference boxes, in [0, 1]."""
    failures_with_missed: float
    """Percentage of all labelled faces that were missed or have an inner error over 8 %."""


@dataclass(frozen=True)
class PerturbedReport:
    """The cost in accuracy of one way of perturbing the reference boxes."""

    kind: str
    level: float
    inner_mean: float
    failures: float
    relative_change: float
    """The increase of the mean inner error over that from the exact boxes, percent."""


@dataclass(frozen=True)
class ConfidenceGroup:
    """A tenth of the inner points, by their confidence."""

    lowest: float
    highest: float
    error_mean: float
    """Mean distance to the labels in x, y over the outer-eye distance, percent."""


@dataclass(frozen=True)
class ConfidenceReport:
    """The relation of confidence and error: Spearman's rank correlations from given boxes, inner points.

    At -1 the least confident point has the largest error, and so on down; at 0 confidence and error are
    unrelated. NaN where confidence does not vary.
    """

    points: float
    """The correlation over all inner points of all faces."""
    within_point: float
    """The correlation over all faces for each inner point by itself, averaged: without differences between
    points."""
    faces: float
    """The correlation of a face's mean confidence with its inner error."""
    groups: tuple[ConfidenceGroup, ...]
    """From the least confident tenth to the most."""


@dataclass(frozen=True)
class FaceErrors:
    """One labelled face."""

    name: str
    yaw: float
    """Degrees."""
    inner_given: float
    inner_found: float | None
    """None when the detector missed the face."""
    gte: Mapping[str, float] | None
    """Axes -> GTE over the outer-eye distance in 3D, from the reference box; None without labels in 3D."""


@dataclass(frozen=True)
class Report:
    """The numbers of an evaluation."""

    normalizer: str
    """The denominator of inner errors: the distance between the outer eye corners, "eyes_2d" or "eyes_3d", or
    the "box" of the labels."""
    given: ErrorSummary
    """From the reference boxes."""
    detector: DetectorReport
    yaw: YawReport
    perturbed: tuple[PerturbedReport, ...]
    confidence: ConfidenceReport
    three_d: ThreeDReport | None
    """From the reference boxes; None when no face has valid labels in 3D."""
    faces: tuple[FaceErrors, ...]
    """In the order of the photos."""
    published: PublishedReport | None = None
    """From the reference boxes; None unless the set is a published benchmark."""

    def inner_given(self) -> npt.NDArray[np.float64]:
        """(N,) inner errors from the reference boxes."""
        return np.array([face.inner_given for face in self.faces])

    def inner_found(self) -> npt.NDArray[np.float64]:
        """(N,) inner errors with the detector; infinite for a face that it missed."""
        return np.array([math.inf if face.inner_found is None else face.inner_found for face in self.faces])

    def gte_given(self, axes: str) -> npt.NDArray[np.float64]:
        """GTE over ``axes`` from the reference boxes of the faces with labels in 3D, (faces,)."""
        return np.array([face.gte[axes] for face in self.faces if face.gte is not None])

    def as_dict(self) -> dict[str, Any]:
        """The report as what :mod:`json` takes; undefined numbers are None."""
        return _plain(self)


def _plain(report: Any) -> dict[str, Any]:
    plain: dict[str, Any] = _only_finite(asdict(report))
    return plain


def _only_finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _only_finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_only_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
