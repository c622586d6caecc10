"""ARKit's face coefficients from 66 landmarks; docs/coefficients.md has what each is worth."""

from face_alignment_3d.blendshapes.estimator import CoefficientEstimator
from face_alignment_3d.blendshapes.result import FaceCoefficients
from face_alignment_3d.blendshapes.visibility import NOT_VISIBLE, VISIBLE

__all__ = ["NOT_VISIBLE", "VISIBLE", "CoefficientEstimator", "FaceCoefficients"]
