"""Draws the signs of yaw, pitch and roll for the documentation: python docs/draw_pose_signs.py [file]"""

import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around
from face_alignment_3d.draw import draw_landmarks, draw_pose
from face_alignment_3d.export import write_png
from face_alignment_3d.face import Face3D
from face_alignment_3d.pose import rotation_by
from face_alignment_3d.pose.mean_face import MEAN_FACE

_WIDTH, _HEIGHT = 250, 300
_TURNS = (("all 0", (0, 0, 0)), ("yaw +35", (35, 0, 0)), ("pitch +25", (0, 25, 0)), ("roll +25", (0, 0, 25)))


def panel(title: str, angles: tuple[float, float, float]) -> npt.NDArray[np.uint8]:
    """(300, 250, 3): the mean face turned by yaw, pitch and roll, with its axes, under a title."""
    points = 105 * MEAN_FACE @ rotation_by(*angles).T + [_WIDTH / 2, 135, 0]
    landmarks = points.astype(np.float32)
    face = Face3D(landmarks, np.ones(66, np.float32), box_around(landmarks), None)
    if not np.allclose(face.pose.angles, angles, atol=0.01):
        raise SystemExit(f"drawn with {angles}, but the pose says {face.pose.angles}")
    picture = np.full((_HEIGHT, _WIDTH, 3), 44, np.uint8)
    picture = draw_pose(draw_landmarks(picture, [face]), [face])
    cv2.putText(picture, title, (14, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (235, 235, 235), 1, cv2.LINE_AA)
    return picture


if __name__ == "__main__":
    target = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "images" / "pose_signs.png"
    write_png(target, np.hstack([panel(title, angles) for title, angles in _TURNS]))
