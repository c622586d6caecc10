"""Redistributable photos, and variants of them, for the golden test of the embedded weights."""

import platform
from typing import NamedTuple

import cv2
import numpy as np
import skimage.data

from face_alignment_3d import FaceAligner3D

#: Tight around the face of scikit-image's astronaut: brows to chin, jaw to jaw.
_BOX = (179.0, 88.0, 270.0, 178.0)


class Case(NamedTuple):
    """A photo and the box of its face."""

    image: np.ndarray
    box: tuple[float, float, float, float]


def cases() -> dict[str, Case]:
    """Name -> case: a clear photo, its mirror image, leaning, dark and gray, small, and cut off."""
    photo = skimage.data.astronaut()
    width = photo.shape[1]
    x0, y0, x1, y1 = _BOX
    lean = cv2.getRotationMatrix2D(((x0 + x1) / 2, (y0 + y1) / 2), 20.0, 1.0)
    leaning = cv2.warpAffine(photo, lean, (photo.shape[1], photo.shape[0]))
    gray = (cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY) * 0.4).astype(np.uint8)
    small = cv2.resize(photo, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    return {
        "astronaut": Case(photo, _BOX),
        "mirrored": Case(np.ascontiguousarray(photo[:, ::-1]), (width - 1 - x1, y0, width - 1 - x0, y1)),
        "leaning": Case(leaning, _BOX),
        "dark and gray": Case(gray, _BOX),
        "a quarter of the size": Case(small, tuple((v + 0.5) / 4 - 0.5 for v in _BOX)),
        "cut off at the mouth": Case(np.ascontiguousarray(photo[:165]), _BOX),
    }


def this_platform() -> str:
    """The kind of machine, on which the exact bits of results depend."""
    return f"{platform.system()} {platform.machine()}"


def outputs(backend: str, case: Case) -> dict[str, list]:
    """The results of the embedded weights for a case, ready for JSON."""
    aligner = FaceAligner3D(backend=backend, device="cpu", blendshapes=True, offline=True)
    (face,) = aligner.detect(case.image, boxes=[case.box])
    assert face.blendshapes is not None
    found = {
        "landmarks": np.round(face.landmarks.astype(float), 4).tolist(),
        "confidence": np.round(face.confidence.astype(float), 5).tolist(),
        "blendshapes": {
            name: round(float(value), 5) for name, value in face.blendshapes.items() if value == value
        },
    }
    if face.visibility is not None:
        found["visibility"] = np.round(face.visibility.astype(float), 5).tolist()
    return found
