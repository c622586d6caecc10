"""The pose of each head, and its axes on the photo: python examples/head_pose.py [photo] [folder]"""

import sys
from pathlib import Path

import skimage.data

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.draw import draw_pose
from face_alignment_3d.export import write_png
from face_alignment_3d.images import as_rgb

photo = as_rgb(sys.argv[1] if len(sys.argv) > 1 else skimage.data.astronaut())
out = Path(sys.argv[2] if len(sys.argv) > 2 else "out")
out.mkdir(parents=True, exist_ok=True)

faces = FaceAligner3D().detect(photo)
for face in faces:
    yaw, pitch, roll = face.pose.angles
    print(f"yaw {yaw:.1f}, pitch {pitch:.1f}, roll {roll:.1f} degrees")
    print(f"mouth open by {face.measures.mouth_openness:.2f} of its width")
    print(
        f"right eye by {face.measures.right_eye_openness:.2f}, left by {face.measures.left_eye_openness:.2f}"
    )
write_png(out / "head_pose.png", draw_pose(photo, faces))
