"""Faces in videos and live pictures: stable identities and smooth landmarks. docs/video.md is the guide."""

from face_alignment_3d.video.alignment import FrameAligner
from face_alignment_3d.video.config import TrackerConfig
from face_alignment_3d.video.smoothing import LandmarkSmoother, Smoothing
from face_alignment_3d.video.tracked_face import TrackedFace3D
from face_alignment_3d.video.tracker import VideoAligner3D

__all__ = [
    "FrameAligner",
    "LandmarkSmoother",
    "Smoothing",
    "TrackedFace3D",
    "TrackerConfig",
    "VideoAligner3D",
]
