"""The mean face that poses are measured against, and how far each of its points is to be trusted.

The points are those of ICT-FaceKit's neutral face (Li et al., "Learning Formation of Physically-Based Face
Attributes", CVPR 2020; MIT licence, Copyright (c) 2020 USC Institute for Creative Technologies, in
ICT-FaceKit.LICENSE beside this file): its 68 landmark vertices without the inner mouth corners, made
symmetric, and brought to the canonical frame.
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
    (-0.8256, -0.0274, 0.5546),
    (-0.8159, 0.2177, 0.5245),
    (-0.7779, 0.4366, 0.4564),
    (-0.7352, 0.6491, 0.3845),
    (-0.6419, 0.8880, 0.2776),
    (-0.4824, 1.0809, 0.1408),
    (-0.3421, 1.1600, -0.0188),
    (-0.1723, 1.1987, -0.1870),
    (0.0000, 1.2334, -0.2051),
    (0.1723, 1.1987, -0.1870),
    (0.3421, 1.1600, -0.0188),
    (0.4824, 1.0809, 0.1408),
    (0.6419, 0.8880, 0.2776),
    (0.7352, 0.6491, 0.3845),
    (0.7779, 0.4366, 0.4564),
    (0.8159, 0.2177, 0.5245),
    (0.8256, -0.0274, 0.5546),
    # right_brow
    (-0.6521, -0.1981, 0.0777),
    (-0.5531, -0.2853, -0.0433),
    (-0.4253, -0.3165, -0.1373),
    (-0.2708, -0.3094, -0.2107),
    (-0.1314, -0.2777, -0.2383),
    # left_brow
    (0.1314, -0.2777, -0.2383),
    (0.2708, -0.3094, -0.2107),
    (0.4253, -0.3165, -0.1373),
    (0.5531, -0.2853, -0.0433),
    (0.6521, -0.1981, 0.0777),
    # nose_bridge
    (0.0000, -0.0346, -0.2390),
    (0.0000, 0.0895, -0.3269),
    (0.0000, 0.2041, -0.4152),
    (0.0000, 0.3393, -0.5008),
    # nose_base
    (-0.1405, 0.5132, -0.2543),
    (-0.0676, 0.5124, -0.3158),
    (0.0000, 0.5198, -0.3322),
    (0.0676, 0.5124, -0.3158),
    (0.1405, 0.5132, -0.2543),
    # right_eye
    (-0.5000, 0.0000, 0.0000),
    (-0.4339, -0.0496, -0.0852),
    (-0.3119, -0.0565, -0.1041),
    (-0.2068, 0.0202, -0.0665),
    (-0.3060, 0.0390, -0.0909),
    (-0.4324, 0.0404, -0.0702),
    # left_eye
    (0.2068, 0.0202, -0.0665),
    (0.3119, -0.0565, -0.1041),
    (0.4339, -0.0496, -0.0852),
    (0.5000, 0.0000, 0.0000),
    (0.4324, 0.0404, -0.0702),
    (0.3060, 0.0390, -0.0909),
    # outer_lips
    (-0.2842, 0.7795, -0.1777),
    (-0.1909, 0.6962, -0.2936),
    (-0.0817, 0.6565, -0.3506),
    (0.0000, 0.6632, -0.3628),
    (0.0817, 0.6565, -0.3506),
    (0.1909, 0.6962, -0.2936),
    (0.2842, 0.7795, -0.1777),
    (0.2019, 0.8397, -0.2574),
    (0.1160, 0.8673, -0.3124),
    (0.0000, 0.8757, -0.3304),
    (-0.1160, 0.8673, -0.3124),
    (-0.2019, 0.8397, -0.2574),
    # inner_lips
    (-0.1117, 0.7545, -0.2785),
    (0.0000, 0.7575, -0.3003),
    (0.1117, 0.7545, -0.2785),
    (0.1199, 0.7638, -0.2733),
    (0.0000, 0.7661, -0.2971),
    (-0.1199, 0.7638, -0.2733),
])
# fmt: on


def _rigid_weights() -> npt.NDArray[np.float64]:
    # Expressions move the mouth, the jaw and the lids, and brows somewhat; the jaw line is also where faces
    # differ most and where landmarks are least certain. Yet its depth behind the nose steadies the pitch.
    weights = np.empty(NUM_LANDMARKS)
    by_group = {"jaw": 0.1, "brow": 0.3, "nose": 1.0, "eye": 0.3, "lips": 0.05}
    for name, indices in GROUPS.items():
        weights[list(indices)] = next(weight for part, weight in by_group.items() if part in name)
    inner_corners = (39, 42)
    weights[[*OUTER_EYE_CORNERS, *inner_corners]] = 1.0
    return weights


#: (66,): the weight of each point when :data:`MEAN_FACE` is laid over a face.
RIGID_WEIGHTS: Final = _frozen(_rigid_weights())
