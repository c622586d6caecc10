"""66 accurate 3D facial landmarks from a photo."""

from face_alignment_3d.aligner import FaceAligner3D
from face_alignment_3d.detection.protocol import Detection, FaceDetector
from face_alignment_3d.errors import BoxError, DataError, FaceAlignmentError, ImageError, WeightsError
from face_alignment_3d.face import Face3D
from face_alignment_3d.version import __version__

__all__ = [
    "BoxError",
    "DataError",
    "Detection",
    "Face3D",
    "FaceAligner3D",
    "FaceAlignmentError",
    "FaceDetector",
    "ImageError",
    "WeightsError",
    "__version__",
]
