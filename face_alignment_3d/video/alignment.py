"""Alignment of faces at expected placements, leaning heads included."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import Crop, box_around
from face_alignment_3d.errors import LandmarksError
from face_alignment_3d.face import Face3D

#: Degrees. Boxes have no roll, so the aligner sees the face as it leans. Beyond this it is given a leveled
#: copy of the face's surroundings instead.
_LEVELED_FROM: Final = 20.0
#: Side of that copy, in longer sides of the face's box: more than any crop scale, so that the aligner
#: sees no border that is not in the frame.
_SURROUNDINGS: Final = 2.5
#: Largest side of that copy, in pixels; several times what the network sees of it.
_LARGEST_COPY: Final = 480


class FrameAligner(Protocol):
    """The part of an aligner that tracking uses; :class:`face_alignment_3d.FaceAligner3D` has it."""

    def detect(
        self, image: npt.NDArray[np.uint8], *, boxes: npt.NDArray[np.float32] | None = None
    ) -> list[Face3D]:
        """The faces in ``boxes`` (F, 4) of an RGB image, in their order; with None, all that are found."""
        ...

    def detect_batch(
        self,
        images: Sequence[npt.NDArray[np.uint8]],
        *,
        boxes: Sequence[npt.NDArray[np.float32] | None] | None = None,
    ) -> list[list[Face3D]]:
        """:meth:`detect` of each image."""
        ...


@dataclass(frozen=True)
class Placement:
    """The place at which a face is expected."""

    points: npt.NDArray[np.float64]
    """(66, 3): where its landmarks are expected, in image pixels."""
    box: npt.NDArray[np.float32]
    """(4,): the box around it, in image pixels."""
    roll: float
    """The lean of the head in radians, clockwise on screen."""


def roll_of(face: Face3D, *, otherwise: float = 0.0) -> float:
    """The lean of the head in radians, clockwise on screen; ``otherwise`` where it cannot be determined."""
    try:
        return math.radians(face.pose.roll)
    except LandmarksError:
        return otherwise


def placement_of(face: Face3D) -> Placement:
    """The placement at which ``face`` was found."""
    points = np.asarray(face.landmarks, np.float64)
    return Placement(points, box_around(points), roll_of(face))


def align_at(
    aligner: FrameAligner, image_rgb: npt.NDArray[np.uint8], placements: Sequence[Placement]
) -> list[Face3D]:
    """The face at each of ``placements``, in their order, from one call of the aligner; image pixels."""
    leaning = [abs(placement.roll) > math.radians(_LEVELED_FROM) for placement in placements]
    upright = np.array([p.box for p, leans in zip(placements, leaning, strict=True) if not leans], np.float32)
    if not any(leaning):
        return aligner.detect(image_rgb, boxes=upright) if placements else []
    copies = [_leveled(p) for p, leans in zip(placements, leaning, strict=True) if leans]
    images = [image_rgb, *(copy.sample(image_rgb) for copy, _ in copies)]
    boxes = [upright.reshape(-1, 4), *(box[None] for _, box in copies)]
    in_frame, *in_copies = aligner.detect_batch(images, boxes=boxes)
    frame_faces = iter(in_frame)
    turned_faces = iter(
        _turned_back(faces[0], copy) for faces, (copy, _) in zip(in_copies, copies, strict=True)
    )
    return [next(turned_faces if leans else frame_faces) for leans in leaning]


def _leveled(placement: Placement) -> tuple[Crop, npt.NDArray[np.float32]]:
    """A window of the image in which the head is upright, and the face's box in it."""
    x0, y0, x1, y1 = (float(v) for v in placement.box)
    side = max(x1 - x0, y1 - y0) * _SURROUNDINGS
    size = max(1, min(math.ceil(side), _LARGEST_COPY))
    copy = Crop((x0 + x1) / 2, (y0 + y1) / 2, side, size, placement.roll)
    return copy, box_around(copy.to_crop(placement.points))


def _turned_back(face: Face3D, copy: Crop) -> Face3D:
    landmarks = copy.to_image(face.landmarks).astype(np.float32)
    # The box that a caller can use is upright in the frame.
    return replace(face, landmarks=landmarks, box=box_around(landmarks))
