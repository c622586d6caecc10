"""The mean face that poses are measured against, and the weights of its points.

The points are those of ICT-FaceKit's neutral face (Li et al., "Learning Formation of Physically-Based Face
Attributes", CVPR 2020; MIT license, Copyright (c) 2020 USC Institute for Creative Technologies, in
ICT-FaceKit.LICENSE beside this file): its 68 landmark vertices without the inner mouth corners, made
symmetric, and brought to the canonical frame.

ICT-FaceKit's vertices are not quite where this library's markup puts its points. To make up for it the
face is turned by 3.0 degrees of pitch about the line through the outer eye corners: on the turned photos
of HELEN train and LFPW train, poses then agree on average with those of the ICT-FaceKit heads that the
photos were turned with (``benchmarks/pose.py`` measures it).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.markup import GROUPS, NUM_LANDMARKS, OUTER_EYE_CORNERS


def _frozen(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    array = np.array(values, dtype=np.float64)
    array.flags.writeable = False
    return array


# fmt: off
#: (66, 3) in the canonical frame: the origin lies midway between the outer eye corners, x points to the
#: subject's left, y down, z into the head, and the outer eye corners are 1 apart.
MEAN_FACE: Final = _frozen([
    # jaw
    (-0.8256, -0.0564, 0.5524),
    (-0.8159, 0.1899, 0.5352),
    (-0.7779, 0.4121, 0.4786),
    (-0.7352, 0.6281, 0.4180),
    (-0.6419, 0.8722, 0.3237),
    (-0.4824, 1.0720, 0.1972),
    (-0.3421, 1.1594, 0.0419),
    (-0.1723, 1.2069, -0.1240),
    (0.0000, 1.2424, -0.1403),
    (0.1723, 1.2069, -0.1240),
    (0.3421, 1.1594, 0.0419),
    (0.4824, 1.0720, 0.1972),
    (0.6419, 0.8722, 0.3237),
    (0.7352, 0.6281, 0.4180),
    (0.7779, 0.4121, 0.4786),
    (0.8159, 0.1899, 0.5352),
    (0.8256, -0.0564, 0.5524),
    # right_brow
    (-0.6521, -0.2019, 0.0672),
    (-0.5531, -0.2827, -0.0582),
    (-0.4253, -0.3089, -0.1537),
    (-0.2708, -0.2980, -0.2266),
    (-0.1314, -0.2648, -0.2525),
    # left_brow
    (0.1314, -0.2648, -0.2525),
    (0.2708, -0.2980, -0.2266),
    (0.4253, -0.3089, -0.1537),
    (0.5531, -0.2827, -0.0582),
    (0.6521, -0.2019, 0.0672),
    # nose_bridge
    (0.0000, -0.0221, -0.2405),
    (0.0000, 0.1064, -0.3217),
    (0.0000, 0.2256, -0.4040),
    (0.0000, 0.3651, -0.4824),
    # nose_base
    (-0.1405, 0.5258, -0.2271),
    (-0.0676, 0.5282, -0.2885),
    (0.0000, 0.5365, -0.3046),
    (0.0676, 0.5282, -0.2885),
    (0.1405, 0.5258, -0.2271),
    # right_eye
    (-0.5000, 0.0000, 0.0000),
    (-0.4339, -0.0451, -0.0877),
    (-0.3119, -0.0510, -0.1069),
    (-0.2068, 0.0236, -0.0653),
    (-0.3060, 0.0437, -0.0888),
    (-0.4324, 0.0440, -0.0680),
    # left_eye
    (0.2068, 0.0236, -0.0653),
    (0.3119, -0.0510, -0.1069),
    (0.4339, -0.0451, -0.0877),
    (0.5000, 0.0000, 0.0000),
    (0.4324, 0.0440, -0.0680),
    (0.3060, 0.0437, -0.0888),
    # outer_lips
    (-0.2842, 0.7877, -0.1366),
    (-0.1909, 0.7106, -0.2567),
    (-0.0817, 0.6739, -0.3157),
    (0.0000, 0.6813, -0.3276),
    (0.0817, 0.6739, -0.3157),
    (0.1909, 0.7106, -0.2567),
    (0.2842, 0.7877, -0.1366),
    (0.2019, 0.8520, -0.2131),
    (0.1160, 0.8824, -0.2665),
    (0.0000, 0.8917, -0.2841),
    (-0.1160, 0.8824, -0.2665),
    (-0.2019, 0.8520, -0.2131),
    # inner_lips
    (-0.1117, 0.7681, -0.2386),
    (0.0000, 0.7722, -0.2602),
    (0.1117, 0.7681, -0.2386),
    (0.1199, 0.7771, -0.2329),
    (0.0000, 0.7806, -0.2566),
    (-0.1199, 0.7771, -0.2329),
])
# fmt: on


def _rigid_weights() -> npt.NDArray[np.float64]:
    # Expressions move the mouth, the jaw and the lids, and brows somewhat; the jaw line is also where faces
    # differ most and where landmarks are least certain: with a weight of 0.1 the pitch of training photos
    # would scatter twice as much.
    weights = np.empty(NUM_LANDMARKS)
    by_group = {"jaw": 0.02, "brow": 0.5, "nose": 1.0, "eye": 0.3, "lips": 0.1}
    for name, indices in GROUPS.items():
        weights[list(indices)] = next(weight for part, weight in by_group.items() if part in name)
    inner_corners = (39, 42)
    weights[[*OUTER_EYE_CORNERS, *inner_corners]] = 1.0
    return weights


#: (66,): the weight of each point when :data:`MEAN_FACE` is laid over a face.
RIGID_WEIGHTS: Final = _frozen(_rigid_weights())
