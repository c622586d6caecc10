"""Errors as papers give them for AFLW2000-3D and MERL-RAV: pure functions, and what was published."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from face_alignment_3d.markup import INNER
from face_alignment_3d.pose import HeadPose, estimate_pose
from face_alignment_3d.training.evaluation import metrics
from face_alignment_3d.training.evaluation.truth import ANGLE_ORDER, ANGLE_SIGNS, FurtherLabels, Truth
from face_alignment_3d.training.evaluation.visibility_report import VisibilityReport, visibility_report

#: Faces with an angle beyond this are left out of errors of rotations, as the papers on head pose do.
MAX_ANGLE: Final = 99.0
#: Bias and spread of the pitch are of the faces up to this yaw.
_FRONTAL: Final = 30.0
OURS: Final = "given boxes"
#: Points moved into the benchmark's markup by a constant offset, which was measured on training faces.
IN_BENCHMARK_MARKUP: Final = "with the benchmark's markup offset"


@dataclass(frozen=True)
class Grouped:
    """A mean error by group of faces."""

    groups: tuple[float | None, ...]
    """The mean of each group; None for a group without a face."""
    mean: float | None
    """The mean of the groups' means; None where a group is empty."""


@dataclass(frozen=True)
class AngleErrors:
    """Mean absolute errors in degrees, in the order of turns that AFLW2000-3D has."""

    faces: int
    """The number of faces; those with an angle beyond 99 degrees are left out."""
    yaw: float
    pitch: float
    roll: float
    mean: float


@dataclass(frozen=True)
class RotationErrors:
    """The head's rotation against that of the labels' points, both from :func:`estimate_pose`; degrees."""

    geodesic: float
    """The mean angle of the rotation between the two."""
    angles: AngleErrors
    pitch_bias: float | None
    """The mean excess of the pitch over the labels' (faces look further down), up to 30 degrees of yaw."""
    pitch_spread: float | None
    """The standard deviation of the pitch over that of the labels', of the same faces."""


@dataclass(frozen=True)
class PublishedErrors:
    """The errors of one set of predicted points on a benchmark, in percent; None where labels are lacking.

    "Over the box" is over the root of the area of the box of the labels, "own box" of the points that can be
    seen.
    """

    nme_2d: Grouped | None = None
    """All 66 points in x, y over the box."""
    nme_3d: Grouped | None = None
    """All 66 points in x, y, z over the box, z centered."""
    reannotated: Grouped | None = None
    """All 66 points in x, y against the set's re-annotation, over the box of that."""
    visible: Grouped | None = None
    """The hand-made points that can be seen, over the reference box."""
    visible_inner: Grouped | None = None
    """Those of them that are not on the jaw."""
    visible_own_box: Grouped | None = None
    visible_inner_own_box: Grouped | None = None
    gte_xyz: float | None = None
    """Over the eye distance in 3D."""
    gte_z: float | None = None
    rotation: RotationErrors | None = None
    angles: AngleErrors | None = None
    """Against the angles that come with the set."""


@dataclass(frozen=True)
class PublishedReport:
    """The results of a benchmark's own protocols."""

    group_names: tuple[str, ...]
    faces: tuple[int, ...]
    """The number of faces in each group."""
    errors: Mapping[str, PublishedErrors]
    """Column title -> errors: this library's, others' on the same photos, and published numbers."""
    visibility: VisibilityReport | None


def _published(low: float, middle: float, high: float, mean: float) -> Grouped:
    return Grouped((low, middle, high), mean)


#: Numbers of the authors, or of later comparisons, for AFLW2000-3D: all 2,000 photos, 68 points.
PUBLISHED: Final[Mapping[str, PublishedErrors]] = MappingProxyType(
    {
        "3DDFA (published)": PublishedErrors(nme_2d=Grouped((None, None, None), 5.42)),
        "PRNet (published)": PublishedErrors(nme_2d=Grouped((None, None, None), 3.62)),
        "3DDFA_V2 (published)": PublishedErrors(nme_2d=_published(2.63, 3.42, 4.48, 3.51)),
        "SADRNet (published)": PublishedErrors(nme_2d=Grouped((None, None, None), 3.46)),
        "SynergyNet (published)": PublishedErrors(nme_2d=_published(2.66, 3.32, 4.27, 3.41)),
        "JVCR (published)": PublishedErrors(gte_xyz=7.28),
    }
)


def summarize_published(
    truth: Truth,
    further: FurtherLabels,
    points: npt.NDArray[np.floating],
    said: npt.NDArray[np.floating],
    source: Literal["visibility", "confidence"],
) -> PublishedReport:
    """The report on (N, 66, 3) ``points`` from the reference boxes and their predicted visibility (N, 66)."""
    columns: dict[str, npt.NDArray[np.floating]] = {OURS: points}
    if further.benchmark_offset is not None:
        columns[IN_BENCHMARK_MARKUP] = moved(points, further.benchmark_offset)
    errors = {
        name: published_errors(truth, further, one) for name, one in (columns | dict(further.peers)).items()
    }
    if truth.has_depth:
        errors |= PUBLISHED
    return PublishedReport(
        further.group_names,
        tuple(int((further.group == index).sum()) for index in range(len(further.group_names))),
        errors,
        None if further.state is None else visibility_report(said, further.state, source),
    )


def moved(points: npt.NDArray[np.floating], offset: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """(N, 66, 3) points, moved by (66, 3) in each head's frame, in units of its radius; z centered."""
    centered = points.astype(np.float64) - points.mean(axis=1, keepdims=True)
    radius = np.sqrt(np.square(centered).sum(axis=2).mean(axis=1))
    rotations = np.stack([pose.rotation for pose in _poses(points)])
    result: npt.NDArray[np.float64] = points + radius[:, None, None] * (offset @ np.swapaxes(rotations, 1, 2))
    result[..., 2] -= result[..., 2].mean(axis=1, keepdims=True)
    return result


def published_errors(
    truth: Truth, further: FurtherLabels, points: npt.NDArray[np.floating]
) -> PublishedErrors:
    """Everything of :class:`PublishedErrors` that the set has labels for; ``points`` are (N, 66, 3)."""

    def grouped(errors: metrics.Errors) -> Grouped:
        return by_group(errors, further.group, len(further.group_names))

    errors = PublishedErrors()
    if further.reannotated is not None:
        errors = replace(errors, reannotated=grouped(metrics.box_nme(points, further.reannotated)))
    if further.visible is not None:
        marked = np.flatnonzero(np.isfinite(further.visible[..., 0]).sum(axis=1))
        reference, own = metrics.box_size(truth.boxes.reshape(-1, 2, 2)), np.full(len(truth), np.nan)
        own[marked] = metrics.box_size(further.visible[marked])
        every = 100 * metrics.mean_distance(points[..., :2], further.visible)
        inner = 100 * metrics.mean_distance(points[:, INNER, :2], further.visible[:, INNER])
        errors = replace(
            errors,
            visible=grouped(every / reference),
            visible_inner=grouped(inner / reference),
            visible_own_box=grouped(every / own),
            visible_inner_own_box=grouped(inner / own),
        )
    if not truth.has_depth:
        return errors
    return replace(
        errors,
        nme_2d=grouped(metrics.box_nme(points, truth.points)),
        nme_3d=grouped(metrics.box_nme_3d(points, truth.points)),
        gte_xyz=float(metrics.gte(points, truth.points).mean()),
        gte_z=float(metrics.depth_error(points, truth.points).mean()),
        rotation=_rotation_errors(points, truth, further.angles),
        angles=None if further.angles is None else _against_angles(points, further.angles),
    )


def by_group(errors: metrics.Errors, group: npt.NDArray[np.int64], count: int) -> Grouped:
    """The mean of (N,) errors in each of ``count`` groups; NaN errors and group -1 count nowhere."""
    means: list[float | None] = []
    for index in range(count):
        inside = errors[(group == index) & np.isfinite(errors)]
        means.append(float(inside.mean()) if inside.size else None)
    known = [mean for mean in means if mean is not None]
    return Grouped(tuple(means), float(np.mean(known)) if len(known) == count else None)


def _rotation_errors(
    points: npt.NDArray[np.floating], truth: Truth, angles: npt.NDArray[np.float64] | None
) -> RotationErrors | None:
    predicted, labelled = _poses(points), _poses(truth.points)
    own, known = (np.stack([pose.rotation for pose in poses]) for poses in (predicted, labelled))
    turned = _angles_near(known, np.zeros((len(truth), 3)) if angles is None else angles)
    chosen = (np.abs(turned if angles is None else angles) <= MAX_ANGLE).all(axis=1)
    if not chosen.any():
        return None
    pitch = np.array([[one.pitch, other.pitch] for one, other in zip(predicted, labelled, strict=True)])
    frontal = pitch[chosen & (np.abs(truth.yaw) <= _FRONTAL)]
    return RotationErrors(
        geodesic=float(metrics.geodesic_angle(own[chosen], known[chosen]).mean()),
        angles=_angle_errors(own[chosen], turned[chosen]),
        pitch_bias=float((frontal[:, 0] - frontal[:, 1]).mean()) if len(frontal) else None,
        pitch_spread=float(frontal[:, 0].std() / frontal[:, 1].std()) if len(frontal) > 1 else None,
    )


def _against_angles(points: npt.NDArray[np.floating], angles: npt.NDArray[np.float64]) -> AngleErrors | None:
    chosen = (np.abs(angles) <= MAX_ANGLE).all(axis=1)
    turns = np.stack([pose.rotation for pose in _poses(points)])
    return _angle_errors(turns[chosen], angles[chosen]) if chosen.any() else None


def _poses(points: npt.NDArray[np.floating]) -> list[HeadPose]:
    return [estimate_pose(one) for one in points]


def _angle_errors(rotations: npt.NDArray[np.float64], angles: npt.NDArray[np.float64]) -> AngleErrors:
    pitch, yaw, roll = _turned(_angles_near(rotations, angles) - angles).mean(axis=0)
    return AngleErrors(len(angles), float(yaw), float(pitch), float(roll), float((pitch + yaw + roll) / 3))


def _angles_near(
    rotations: npt.NDArray[np.float64], angles: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """(N, 3) pitch, yaw, roll in AFLW2000-3D's order: of the two equivalent sets, that near ``angles``."""
    first = Rotation.from_matrix(rotations).as_euler(ANGLE_ORDER, degrees=True) * ANGLE_SIGNS
    second = np.stack([first[:, 0] + 180, 180 - first[:, 1], first[:, 2] + 180], axis=1)
    second = (second + 180) % 360 - 180
    nearer = _turned(second - angles).sum(axis=1) < _turned(first - angles).sum(axis=1)
    return np.where(nearer[:, None], second, first)


def _turned(difference: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The absolute difference of two angles in degrees, at most 180."""
    result: npt.NDArray[np.float64] = np.abs((difference + 180) % 360 - 180)
    return result
