"""ARKit's blendshapes from 66 landmarks; docs/blendshapes.md has the measured quality of each."""

from face_alignment_3d.arkit import NOT_VISIBLE, VISIBLE, Blendshapes
from face_alignment_3d.blendshapes.estimator import BlendshapeEstimator

__all__ = ["NOT_VISIBLE", "VISIBLE", "BlendshapeEstimator", "Blendshapes"]
