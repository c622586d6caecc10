"""ARKit's blendshapes from 66 landmarks; docs/blendshapes.md has what each is worth."""

from face_alignment_3d.blendshapes.estimator import BlendshapeEstimator
from face_alignment_3d.blendshapes.result import Blendshapes
from face_alignment_3d.blendshapes.visibility import NOT_VISIBLE, VISIBLE

__all__ = ["NOT_VISIBLE", "VISIBLE", "BlendshapeEstimator", "Blendshapes"]
