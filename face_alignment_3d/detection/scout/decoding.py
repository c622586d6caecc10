"""Decoding the output of the scout's network to turned boxes with scores."""

from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.oriented_boxes import OrientedBoxes
from face_alignment_3d.detection.overlap import non_maximum_suppression
from face_alignment_3d.detection.scout.layout import UNIT_STRIDES

#: Intersection over union from which on two boxes are of one face.
_SAME_FACE: Final = 0.4
#: Logarithm of a side over its unit that no face reaches.
_MOST_LOG_SIDE: Final = 5.0


def decoded(
    output: npt.NDArray[np.floating], cells: npt.NDArray[np.float64], *, threshold: float
) -> tuple[OrientedBoxes, npt.NDArray[np.float64]]:
    """The faces in the output (N, 7) of the network for ``cells`` (N, 3), see :mod:`.layout`; best first.

    Boxes are in pixels of the network's input, edge coordinates. ``threshold``: the lowest score, in (0, 1).
    """
    above = output[:, 0] >= np.log(threshold / (1 - threshold))
    said, of_cell = output[above].astype(np.float64), cells[above]
    scores = 1 / (1 + np.exp(-said[:, 0]))
    stride = of_cell[:, 2:]
    sides = np.exp(np.clip(said[:, 3:5], -_MOST_LOG_SIDE, _MOST_LOG_SIDE)) * UNIT_STRIDES * stride
    boxes = OrientedBoxes(of_cell[:, :2] + said[:, 1:3] * stride, sides, np.arctan2(said[:, 6], said[:, 5]))
    kept = non_maximum_suppression(boxes.around(), scores, overlap=_SAME_FACE)
    return boxes[kept], scores[kept]
