"""An exported face from three sides, drawn for the documentation: python docs/draw_exports.py [FILE]

The points are those that plyfile reads from the PLY file, with the colors in it.
"""

import math
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from plyfile import PlyData

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.export import PhotoFaces, write_ply, write_png

SIZE, MARGIN, SHIFT = 300, 16, 4


def main() -> None:
    """Aligns scikit-image's astronaut, writes a PLY, reads it and draws it."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images/exported_face.png")
    photo = skimage.data.astronaut()
    faces = FaceAligner3D().detect(photo)[:1]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "face.ply"
        write_ply(file, PhotoFaces("astronaut.png", photo.shape[0], photo.shape[1], faces))
        vertices = PlyData.read(file)["vertex"]
        points = np.column_stack([vertices[axis] for axis in "xyz"])
        colors = np.column_stack([vertices[name] for name in ("red", "green", "blue")])
    points = points - (points.min(axis=0) + points.max(axis=0)) / 2
    scale = (SIZE / 2 - MARGIN) / float(np.linalg.norm(points, axis=1).max())
    views = [drawn(points * scale, colors, yaw) for yaw in (0, 45, 90)]
    write_png(target, np.concatenate(views, axis=1))


def drawn(points: np.ndarray, colors: np.ndarray, yaw: float) -> np.ndarray:
    """Points with y up and z towards the viewer, turned by ``yaw`` degrees, far ones first."""
    angle = math.radians(yaw)
    x = math.cos(angle) * points[:, 0] - math.sin(angle) * points[:, 2]
    depth = math.sin(angle) * points[:, 0] + math.cos(angle) * points[:, 2]
    picture = np.full((SIZE, SIZE, 3), 24, np.uint8)
    for index in np.argsort(depth):
        center = np.rint((SIZE / 2 + np.array([x[index], -points[index, 1]])) * 2**SHIFT).astype(int)
        color = tuple(int(value) for value in colors[index])
        cv2.circle(picture, center.tolist(), 4 << SHIFT, color, -1, cv2.LINE_AA, SHIFT)
    return picture


if __name__ == "__main__":
    main()
