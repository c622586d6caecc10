"""66 accurate 3D facial landmarks from a photo."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from face_alignment_3d.errors import (
    BackendError,
    BatchError,
    BoxError,
    DataError,
    DeviceError,
    FaceAlignmentError,
    ImageError,
    ImageRangeWarning,
    LandmarksError,
    VideoError,
    WeightsError,
)
from face_alignment_3d.face import Face3D
from face_alignment_3d.version import __version__

if TYPE_CHECKING:
    from face_alignment_3d.aligner import FaceAligner3D
    from face_alignment_3d.detection.protocol import Detection, FaceDetector
    from face_alignment_3d.streaming import AlignmentResult
    from face_alignment_3d.video import TrackedFace3D, VideoAligner3D

__all__ = [
    "AlignmentResult",
    "BackendError",
    "BatchError",
    "BoxError",
    "DataError",
    "Detection",
    "DeviceError",
    "Face3D",
    "FaceAligner3D",
    "FaceAlignmentError",
    "FaceDetector",
    "ImageError",
    "ImageRangeWarning",
    "LandmarksError",
    "TrackedFace3D",
    "VideoAligner3D",
    "VideoError",
    "WeightsError",
    "__version__",
]

# What is named here reads images and boxes, for which OpenCV is imported; torch only when a backend needs it.
_LAZY = {
    "AlignmentResult": "face_alignment_3d.streaming",
    "FaceAligner3D": "face_alignment_3d.aligner",
    "Detection": "face_alignment_3d.detection.protocol",
    "FaceDetector": "face_alignment_3d.detection.protocol",
    "TrackedFace3D": "face_alignment_3d.video",
    "VideoAligner3D": "face_alignment_3d.video",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
