"""Which of ARKit's blendshapes 66 points show."""

from typing import Final

from face_alignment_3d.arkit import BLENDSHAPES

#: Those that are NaN, because the 66 points do not tell them: see docs/blendshapes.md for each.
NOT_VISIBLE: Final = frozenset(
    {
        *(f"eyeLook{way}{side}" for way in ("Up", "Down", "In", "Out") for side in ("Left", "Right")),
        *("eyeSquintLeft", "eyeSquintRight"),
        *("cheekPuff", "cheekSquintLeft", "cheekSquintRight", "tongueOut"),
    }
)

#: Those that are estimated, in ARKit's order.
VISIBLE: Final = tuple(name for name in BLENDSHAPES if name not in NOT_VISIBLE)
