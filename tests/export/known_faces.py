"""Faces of known pose and shape, for the writers' tests."""

import numpy as np

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.blendshapes import Blendshapes
from face_alignment_3d.face import Face3D
from face_alignment_3d.pose import rotation_by
from face_alignment_3d.pose.mean_face import MEAN_FACE


def smile() -> Blendshapes:
    """Half a smile on the subject's left, a closed mouth."""
    values = np.full(len(BLENDSHAPES), np.nan)
    values[BLENDSHAPES.index("mouthSmileLeft")] = 0.5
    values[BLENDSHAPES.index("jawOpen")] = 0.0
    return Blendshapes(values)


def known_face(
    yaw: float = 20.0, *, seed: int = 0, score: float | None = 0.75, blendshapes: Blendshapes | None = None
) -> Face3D:
    """A face a little off the mean one, turned by ``yaw``, near the middle of a 640 x 480 photo."""
    generator = np.random.default_rng(seed)
    shape = MEAN_FACE + generator.normal(0, 0.02, (66, 3))
    points = 110 * shape @ rotation_by(yaw, -6, 4).T + [300.25, 210.5, 0]
    points[:, 2] -= points[:, 2].mean()
    confidence = generator.random(66).astype(np.float32)
    box = np.concatenate([points[:, :2].min(axis=0), points[:, :2].max(axis=0)])
    return Face3D(
        points.astype(np.float32),
        confidence,
        box.astype(np.float32),
        score,
        blendshapes=blendshapes,
    )


def poseless_face() -> Face3D:
    """All its points are one."""
    return Face3D(
        np.ones((66, 3), np.float32),
        np.ones(66, np.float32),
        np.zeros(4, np.float32),
        None,
    )
