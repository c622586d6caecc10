"""The landmarks from the front and turned to the side: python examples/depth_plot.py [photo] [folder]"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import skimage.data

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.draw import draw_landmarks
from face_alignment_3d.export import write_png

photo = sys.argv[1] if len(sys.argv) > 1 else skimage.data.astronaut()
out = Path(sys.argv[2] if len(sys.argv) > 2 else "out")
out.mkdir(parents=True, exist_ok=True)

views = []
for face in FaceAligner3D().detect(photo)[:1]:  # The largest.
    centered = face.landmarks - face.landmarks.mean(axis=0)
    scale = 150 / np.abs(centered).max()
    for degrees in (0, 35, 70):
        cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
        turned = scale * centered @ turn.T + [200, 200, 0]
        views.append(draw_landmarks(np.full((400, 400, 3), 40, np.uint8), [replace(face, landmarks=turned)]))
write_png(out / "depth.png", np.hstack(views) if views else np.zeros((1, 1, 3), np.uint8))
print(f"wrote {out / 'depth.png'}")
