"""Head pose, canonical points (landmarks without pose and scale), and measures of a face."""

from face_alignment_3d.pose.camera import Camera
from face_alignment_3d.pose.head_pose import HeadPose, canonical_points, estimate_pose
from face_alignment_3d.pose.measures import FaceMeasures, measure_face
from face_alignment_3d.pose.perspective import PerspectivePose, landmarks_metric, solve_perspective
from face_alignment_3d.pose.rotation import Angles, angles_of, quaternion_of, rotation_by

__all__ = [
    "Angles",
    "Camera",
    "FaceMeasures",
    "HeadPose",
    "PerspectivePose",
    "angles_of",
    "canonical_points",
    "estimate_pose",
    "landmarks_metric",
    "measure_face",
    "quaternion_of",
    "rotation_by",
    "solve_perspective",
]
