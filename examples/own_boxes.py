"""Landmarks of faces whose boxes are known: python examples/own_boxes.py [photo x0 y0 x1 y1]"""

import sys

import numpy as np
import skimage.data

from face_alignment_3d import FaceAligner3D

if len(sys.argv) > 5:
    photo, boxes = sys.argv[1], np.array([sys.argv[2:6]], dtype=np.float32)
else:
    # Tight around the face: x0, y0, x1, y1 from the brows to the chin and from jaw to jaw, in pixels.
    photo, boxes = skimage.data.astronaut(), np.array([[179, 88, 269, 178]], dtype=np.float32)

for face in FaceAligner3D().detect(photo, boxes=boxes):
    low, high = face.landmarks.min(axis=0), face.landmarks.max(axis=0)
    for axis, first, last in zip("xyz", low, high, strict=True):
        print(f"{axis} from {first:.1f} to {last:.1f} px")
