"""Landmarks and poses drawn on a picture: face parts as lines, depth as color, the head's axes."""

from face_alignment_3d.draw.colors import depth_colors
from face_alignment_3d.draw.landmarks import draw_landmarks
from face_alignment_3d.draw.legend import draw_depth_legend
from face_alignment_3d.draw.pose import draw_pose
from face_alignment_3d.draw.text import draw_text

__all__ = ["depth_colors", "draw_depth_legend", "draw_landmarks", "draw_pose", "draw_text"]
