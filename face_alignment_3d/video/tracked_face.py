"""A face that is known from frame to frame."""

from dataclasses import dataclass

from face_alignment_3d.face import Face3D


@dataclass(frozen=True, eq=False)
class TrackedFace3D(Face3D):
    """A :class:`Face3D` in one frame of a video, with an identity.

    ``landmarks`` are smoothed unless that is switched off; ``box`` is what they were computed from, which
    mostly comes from the frame before; ``score`` is that of the last detection of this face.
    """

    track_id: int
    """Counted from 0 in the order in which faces appeared; never given twice by one tracker."""
