"""A photo to 66 3D landmarks, a drawing and a JSON: python examples/photo_to_landmarks.py [photo] [folder]"""

import sys
from pathlib import Path

import skimage.data

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.draw import draw_landmarks
from face_alignment_3d.export import PhotoFaces, write_json, write_png
from face_alignment_3d.images import as_rgb

photo = sys.argv[1] if len(sys.argv) > 1 else skimage.data.astronaut()
out = Path(sys.argv[2] if len(sys.argv) > 2 else "out")
out.mkdir(parents=True, exist_ok=True)

image = as_rgb(photo)
faces = FaceAligner3D().detect(image)
for face in faces:
    x, y, z = face.landmarks[30]
    print(f"tip of the nose: x {x:.1f}, y {y:.1f}, z {z:.1f} px (confidence {face.confidence[30]:.2f})")

write_png(out / "landmarks.png", draw_landmarks(image, faces))
write_json(out / "landmarks.json", PhotoFaces("photo", *image.shape[:2], faces))
print(f"wrote landmarks.png and landmarks.json to {out}")
