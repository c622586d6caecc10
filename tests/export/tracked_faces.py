"""Faces that are tracked, of known pose and expression."""

from dataclasses import replace

import numpy as np

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.blendshapes import Blendshapes
from face_alignment_3d.pose import rotation_by
from face_alignment_3d.pose.mean_face import MEAN_FACE
from face_alignment_3d.video import TrackedFace3D


class Smiling:
    """A stand-in for the estimator of blendshapes: the smile grows with the head's turn."""

    def annotate(self, face):
        values = np.full(len(BLENDSHAPES), np.nan)
        values[BLENDSHAPES.index("mouthSmileLeft")] = abs(face.pose.yaw) / 90
        return replace(face, blendshapes=Blendshapes(values))


def tracked(track_id, yaw, *, size=100.0, estimator=None):
    points = size * MEAN_FACE @ rotation_by(yaw, 5, 0).T + [300.25, 210.5, 0]
    box = np.concatenate([points[:, :2].min(axis=0), points[:, :2].max(axis=0)])
    confidence = np.linspace(0.4, 0.9, 66)
    parts = [values.astype(np.float32) for values in (points, confidence, box)]
    face = TrackedFace3D(*parts, 0.75, track_id=track_id)
    return face if estimator is None else estimator.annotate(face)


def poseless(track_id):
    return TrackedFace3D(
        np.ones((66, 3), np.float32), np.ones(66, np.float32), np.ones(4, np.float32), None, track_id=track_id
    )
