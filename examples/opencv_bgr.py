"""OpenCV's BGR images go in as they are: python examples/opencv_bgr.py [photo] [folder]"""

import sys
from pathlib import Path

import cv2
import skimage.data

from face_alignment_3d import FaceAligner3D

out = Path(sys.argv[2] if len(sys.argv) > 2 else "out")
out.mkdir(parents=True, exist_ok=True)
photo = sys.argv[1] if len(sys.argv) > 1 else str(Path(skimage.data.__file__).parent / "astronaut.png")

bgr = cv2.imread(photo)
if bgr is None:
    sys.exit(f"cannot read {photo}")
for landmarks in FaceAligner3D().get_landmarks(bgr, color="bgr"):
    for x, y, _ in landmarks:
        # With shift=4 OpenCV draws at sixteenths of a pixel.
        cv2.circle(bgr, (round(16 * x), round(16 * y)), 16, (80, 220, 255), -1, cv2.LINE_AA, shift=4)
cv2.imwrite(str(out / "opencv.png"), bgr)
print(f"wrote {out / 'opencv.png'}")
