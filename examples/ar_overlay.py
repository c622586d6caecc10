"""A wire cube around each head, in perspective: python examples/ar_overlay.py [photo] [folder]"""

import sys
from itertools import combinations, product
from pathlib import Path

import cv2
import numpy as np
import skimage.data

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.images import as_rgb
from face_alignment_3d.pose import Camera

photo = as_rgb(sys.argv[1] if len(sys.argv) > 1 else skimage.data.astronaut())
out = Path(sys.argv[2] if len(sys.argv) > 2 else "out")
out.mkdir(parents=True, exist_ok=True)
bgr = cv2.cvtColor(photo, cv2.COLOR_RGB2BGR)
camera = Camera.assumed(height=photo.shape[0], width=photo.shape[1])  # Or your camera's own intrinsics.
corners = np.array(list(product((-0.95, 0.95), (-0.75, 1.25), (-0.5, 1.2))))  # In inter-ocular distances.
edges = [(a, b) for a, b in combinations(range(8), 2) if (corners[a] != corners[b]).sum() == 1]
for face in FaceAligner3D().detect(photo):
    pose = face.perspective_pose(camera)
    print(
        f"{pose.translation[2] / 1000:.2f} m away, yaw {pose.angles.yaw:.0f}, pitch {pose.angles.pitch:.0f}"
    )
    for start, end in np.rint(16 * pose.project(corners)[np.array(edges)]).astype(int):
        cv2.line(bgr, start.tolist(), end.tolist(), (80, 220, 255), 2, cv2.LINE_AA, shift=4)
cv2.imwrite(str(out / "cube.png"), bgr)
