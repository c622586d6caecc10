"""Many photos at once, and one table of their faces: python examples/batch.py [photo ...]"""

import sys
from pathlib import Path

import skimage.data

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.export import PhotoFaces, write_csv
from face_alignment_3d.images import as_rgb

out = Path("out")
out.mkdir(exist_ok=True)
astronaut = skimage.data.astronaut()
images = {photo: as_rgb(photo) for photo in sys.argv[1:]} or {
    "astronaut": astronaut,
    "mirrored": astronaut[:, ::-1],
    "half the size": astronaut[::2, ::2],
}

found = FaceAligner3D().detect_batch(list(images.values()))  # Faces of all photos share the network's runs.
photos = [
    PhotoFaces(name, *image.shape[:2], faces)
    for (name, image), faces in zip(images.items(), found, strict=True)
]
write_csv(out / "landmarks.csv", photos)
print(f"{sum(map(len, found))} faces in {len(photos)} photos: wrote {out / 'landmarks.csv'}")
