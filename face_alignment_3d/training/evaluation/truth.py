"""The reference of an evaluation, in one form for all kinds of labels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around
from face_alignment_3d.errors import DataError
from face_alignment_3d.markup import FROM_68, NUM_LANDMARKS
from face_alignment_3d.training.data.subsample import subsample
from face_alignment_3d.training.evaluation.metrics import Normalizer

#: Degrees of ``|yaw|`` between the groups of faces of a set with 2D labels, which has few turned ones.
YAW_EDGES_2D: Final = (0.0, 15.0, 30.0, 45.0, 180.0)
#: The groups of AFLW2000-3D.
YAW_EDGES_3D: Final = (0.0, 30.0, 60.0, 90.0)
#: The axes of AFLW2000-3D's angles: a face that looks into the camera is turned by roll about z, then by yaw
#: about y, then by pitch about x, each counted by the right hand in the library's frame, with this sign.
ANGLE_ORDER: Final = "XYZ"
ANGLE_SIGNS: Final = (-1.0, -1.0, 1.0)
#: MERL-RAV's states of a point. :data:`HIDDEN` is behind something and was placed by guess.
NOT_MARKED, SELF_OCCLUDED, VISIBLE, HIDDEN = -1, 0, 1, 2


@dataclass(frozen=True, eq=False)
class Truth:
    """The labels of N photos with one labelled face each, in the library's frame and pixels of the photo."""

    names: tuple[str, ...]
    points: npt.NDArray[np.float64]
    """(N, 66, 2) where people marked the photo, (N, 66, 3) where the labels have a z: the reference of errors
    in x and y. NaN where a point was not marked."""
    points3d: npt.NDArray[np.float64]
    """(N, 66, 3): the reference of errors in 3D; ``points`` itself, or a fit to it."""
    valid: npt.NDArray[np.bool_]
    """(N,): True where ``points3d`` is good enough to compare with."""
    yaw: npt.NDArray[np.float64]
    """(N,) degrees; positive when the nose points to the image's right."""
    yaw_edges: tuple[float, ...]
    """Degrees of ``|yaw|`` where a group of faces ends and the next starts; the last belongs to its group."""
    subjects: tuple[str, ...] | None
    """(N,): the subject of each photo, where a set has several views of one face; else None."""
    boxes: npt.NDArray[np.float32]
    """(N, 4): the reference boxes, x0, y0, x1, y1."""
    normalizer: Normalizer
    """The denominator of errors in x and y: the eye distance of the labels, or, where faces lack some labels,
    the box of those they have."""

    def __len__(self) -> int:
        return len(self.names)

    @property
    def has_depth(self) -> bool:
        """True if the labels themselves have a z; otherwise ``points3d`` is a fit to them."""
        return bool(self.points.shape[-1] == 3)

    def subset(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> "Truth":
        """The photos that ``chosen`` (N,) is true for, or whose indices it has."""
        indices = np.arange(len(self))[chosen]
        return replace(
            self,
            names=tuple(self.names[i] for i in indices),
            points=self.points[indices],
            points3d=self.points3d[indices],
            valid=self.valid[indices],
            yaw=self.yaw[indices],
            subjects=None if self.subjects is None else tuple(self.subjects[i] for i in indices),
            boxes=self.boxes[indices],
        )


@dataclass(frozen=True, eq=False)
class FurtherLabels:
    """The further labels of a published benchmark for its N faces; None where it lacks them."""

    group_names: tuple[str, ...]
    """The groups of faces that results on the set are given for."""
    group: npt.NDArray[np.int64]
    """(N,): the index of each face's group; -1 for none."""
    reannotated: npt.NDArray[np.float64] | None = None
    """(N, 66, 2): the set's photos, marked once more."""
    angles: npt.NDArray[np.float64] | None = None
    """(N, 3): the set's own pitch, yaw, roll in degrees; see :data:`ANGLE_ORDER`."""
    visible: npt.NDArray[np.float64] | None = None
    """(N, 66, 2): the hand-made points that can be seen (MERL-RAV), NaN for the others."""
    state: npt.NDArray[np.int64] | None = None
    """(N, 66): :data:`SELF_OCCLUDED`, :data:`VISIBLE`, :data:`HIDDEN`, or :data:`NOT_MARKED`."""
    peers: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    """Column title -> (N, 66, 3) points of another network on the same photos."""
    benchmark_offset: npt.NDArray[np.float64] | None = None
    """(66, 3): the constant offset from this library's markup to the benchmark's, measured on training faces.
    In the head's frame (x to the subject's left, y down, z into the head) and in units of the face's radius,
    the root mean square distance of the 66 points from their mean."""

    def subset(self, indices: npt.NDArray[np.int64]) -> "FurtherLabels":
        """The labels of the faces at ``indices``."""

        def chosen(values: "npt.NDArray[np.float64] | None") -> "npt.NDArray[np.float64] | None":
            return None if values is None else values[indices]

        return replace(
            self,
            group=self.group[indices],
            reannotated=chosen(self.reannotated),
            angles=chosen(self.angles),
            visible=chosen(self.visible),
            state=None if self.state is None else self.state[indices],
            peers={name: points[indices] for name, points in self.peers.items()},
        )


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """Photos and their truth: the input of an evaluation."""

    name: str
    truth: Truth
    image: Callable[[int], npt.NDArray[np.uint8]]
    """Reads the photo of an index: (H, W, 3) RGB."""
    digest: str
    """SHA-256 over the labels and photos of the whole set, which identifies it in a report."""
    further: FurtherLabels | None = None
    """Labels that only the published protocols of the set use."""
    note: str = ""
    """A sentence on the limits of the set, for the report."""

    def spread(self, limit: int | None) -> "LabelledSet":
        """At most ``limit`` of the photos, evenly spread over the set; all of them for None.

        Raises :class:`DataError` for a limit below 1.
        """
        if limit is not None and limit < 1:
            raise DataError(f"expected a limit of at least 1 photo; got {limit}")
        if limit is None or limit >= len(self.truth):
            return self
        chosen = subsample(len(self.truth), limit)
        image = self.image
        return replace(
            self,
            truth=self.truth.subset(chosen),
            image=lambda index: image(int(chosen[index])),
            further=None if self.further is None else self.further.subset(chosen),
        )


def truth_by_hand(
    names: Sequence[str],
    points68: npt.NDArray[np.floating],
    points3d: npt.NDArray[np.floating],
    *,
    valid: npt.NDArray[np.bool_],
    yaw: npt.NDArray[np.floating],
) -> Truth:
    """From hand-made points (N, 68, 2) and labels in 3D (N, 66, 3) that were fused from them.

    ``valid`` (N,) are the faces whose labels in 3D are good enough to compare with, ``yaw`` (N,) degrees.
    Raises :class:`DataError` for other shapes.
    """
    expected = (len(names), NUM_LANDMARKS, 3)
    if points3d.shape != expected:
        raise DataError(
            f"expected labels of shape {expected}; got {points3d.shape}: fuse those of these photos"
        )
    return Truth(
        names=tuple(names),
        points=points68[:, FROM_68].astype(np.float64),
        points3d=points3d.astype(np.float64),
        valid=valid,
        yaw=yaw.astype(np.float64),
        yaw_edges=YAW_EDGES_2D,
        subjects=None,
        boxes=box_around(points68[:, FROM_68]),
        normalizer="eyes_2d",
    )


def truth_in_3d(
    names: Sequence[str],
    points: npt.NDArray[np.floating],
    yaw: npt.NDArray[np.floating],
    *,
    yaw_edges: tuple[float, ...] = YAW_EDGES_3D,
    subjects: Sequence[str] | None = None,
) -> Truth:
    """From labels with z, (N, 66, 3), and yaw (N,) in degrees. Raises :class:`DataError` for other shapes."""
    expected = (len(names), NUM_LANDMARKS, 3)
    if points.shape != expected or yaw.shape != (len(names),):
        raise DataError(
            f"expected points of shape {expected} and yaw ({len(names)},); got {points.shape} and "
            f"{yaw.shape}: make or get the labels again"
        )
    labels = points.astype(np.float64)
    return Truth(
        names=tuple(names),
        points=labels,
        points3d=labels,
        valid=np.ones(len(names), dtype=bool),
        yaw=yaw.astype(np.float64),
        yaw_edges=yaw_edges,
        subjects=None if subjects is None else tuple(subjects),
        boxes=box_around(labels),
        normalizer="eyes_3d",
    )


def truth_of_visible_points(
    names: Sequence[str],
    points: npt.NDArray[np.floating],
    yaw: npt.NDArray[np.floating],
    boxes: npt.NDArray[np.floating],
) -> Truth:
    """From hand-made points (N, 66, 2), NaN where a point cannot be seen, and boxes (N, 4).

    The boxes are around the whole faces. There is nothing to compare z with.
    """
    return Truth(
        names=tuple(names),
        points=points.astype(np.float64),
        points3d=np.full((*points.shape[:2], 3), np.nan),
        valid=np.zeros(len(names), dtype=bool),
        yaw=yaw.astype(np.float64),
        yaw_edges=YAW_EDGES_3D,
        subjects=None,
        boxes=boxes.astype(np.float32),
        normalizer="box",
    )
