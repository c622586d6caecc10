"""The 66-point markup as data.

The 66 points are those of the 3DFAW challenge: the iBUG / Multi-PIE 68-point markup without the two inner
mouth corners (60 and 64, 0-based). "Right" and "left" are the subject's own: on an unmirrored photo of
somebody who faces the camera, the right eye is on the image's left.
"""

from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

#: The name of this markup in result files.
MARKUP_NAME: Final = "3dfaw-66"

NUM_LANDMARKS: Final = 66

#: Inner mouth corners of the 68-point markup, which the 66-point one leaves out.
OMITTED_FROM_68: Final = (60, 64)

#: ``points68[FROM_68]`` are the 66 points.
FROM_68: Final[npt.NDArray[np.int64]] = np.array([i for i in range(68) if i not in OMITTED_FROM_68])
FROM_68.flags.writeable = False

#: Face part -> indices of its points, in drawing order.
GROUPS: Final = MappingProxyType(
    {
        "jaw": range(0, 17),
        "right_brow": range(17, 22),
        "left_brow": range(22, 27),
        "nose_bridge": range(27, 31),
        "nose_base": range(31, 36),
        "right_eye": range(36, 42),
        "left_eye": range(42, 48),
        "outer_lips": range(48, 60),
        "inner_lips": range(60, 66),
    }
)

#: Parts whose last point joins their first.
CLOSED_GROUPS: Final = frozenset({"right_eye", "left_eye", "outer_lips", "inner_lips"})

#: The outer eye corners (subject's right, left); their distance is the usual normalizer of errors.
OUTER_EYE_CORNERS: Final = (36, 45)

#: The jaw line (17 points).
JAW: Final = slice(0, 17)

#: All points but the jaw line: brows, nose, eyes and mouth (49 points).
INNER: Final = slice(17, 66)


def _mirror_permutation_68() -> npt.NDArray[np.int64]:
    pairs68 = [(i, 16 - i) for i in range(8)]
    pairs68 += [(17 + i, 26 - i) for i in range(5)]
    pairs68 += [(31, 35), (32, 34)]
    pairs68 += [(36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)]
    pairs68 += [(48, 54), (49, 53), (50, 52), (59, 55), (58, 56), (60, 64), (61, 63), (67, 65)]
    permutation68 = np.arange(68)
    for right, left in pairs68:
        permutation68[right], permutation68[left] = left, right
    permutation68.flags.writeable = False
    return permutation68


def _mirror_permutation() -> npt.NDArray[np.int64]:
    position66 = np.full(68, -1)
    position66[FROM_68] = np.arange(NUM_LANDMARKS)
    permutation = position66[MIRROR_68[FROM_68]]
    permutation.flags.writeable = False
    return permutation


#: The same as :data:`MIRROR` for 68 points.
MIRROR_68: Final = _mirror_permutation_68()

#: ``mirrored_points[MIRROR]`` puts the points of a mirrored face back in markup order; its own inverse.
MIRROR: Final = _mirror_permutation()


def _names() -> tuple[str, ...]:
    names = [""] * NUM_LANDMARKS
    for group, indices in GROUPS.items():
        for position, index in enumerate(indices):
            names[index] = f"{group}_{position}"
    return tuple(names)


#: A name for each point: its face part and its place in it, such as ``"left_eye_3"``.
NAMES: Final = _names()
