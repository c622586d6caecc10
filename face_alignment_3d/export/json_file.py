"""One photo's faces as JSON."""

import dataclasses
import json
import math
import os
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.export.record import SCHEMA, PhotoFaces, blendshapes_of, pose_of, shortest
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import MARKUP_NAME, NAMES
from face_alignment_3d.pose.head_pose import HeadPose

_COORDINATES: Final = (
    "pixels of the upright photo (EXIF orientation applied); (0, 0) is the center of the top-left pixel; "
    "x right, y down, z away from the camera in the same unit, with zero mean over a face's points"
)


def to_json(photo: PhotoFaces) -> dict[str, Any]:
    """The photo's faces as what :mod:`json` takes; docs/exports.md describes the schema.

    ``landmarks`` are rows [x, y, z] in the order of ``markup.points``, ``box`` is [x0, y0, x1, y1], and
    ``score`` is null when the box was the caller's; ``pose`` and ``measures`` are null for landmarks
    without a pose; ``blendshapes`` are null where they were not asked for, and each is null where it is not
    known. Landmarks, confidence and box give back the exact float32.
    """
    return {
        "schema": SCHEMA,
        "image": photo.image,
        "width": photo.width,
        "height": photo.height,
        "coordinates": _COORDINATES,
        "markup": {"name": MARKUP_NAME, "points": list(NAMES)},
        "faces": [_face(face) for face in photo.faces],
    }


def write_json(path: str | os.PathLike[str], photo: PhotoFaces) -> None:
    """Writes :func:`to_json` to ``path``, in UTF-8, whole or not at all.

    Bytes of a file name that are not UTF-8 are written as escapes, such as ``\\udce9``, which :mod:`json`
    reads back. Raises OSError when the folder is missing or cannot be written to.
    """
    content = to_json(photo)
    # A face a line: the file can be read by eye and compared line by line, yet stays small.
    faces = ",\n".join("    " + json.dumps(face, allow_nan=False) for face in content.pop("faces"))
    head = json.dumps(content, indent=2, ensure_ascii=False)
    listing = f"[\n{faces}\n  ]" if faces else "[]"
    write_atomically(
        Path(path), f'{head[:-2]},\n  "faces": {listing}\n}}\n'.encode("utf-8", "backslashreplace")
    )


def _face(face: Face3D) -> dict[str, Any]:
    pose = pose_of(face)
    return {
        "box": shortest(face.box),
        "score": None if face.score is None else float(face.score),
        "landmarks": [shortest(point) for point in face.landmarks],
        "confidence": shortest(face.confidence),
        "pose": None if pose is None else _pose(pose),
        "measures": None if pose is None else _measures(face),
        "blendshapes": _blendshapes(face),
    }


def _pose(pose: HeadPose) -> dict[str, Any]:
    return {
        **{name: round(angle, 4) for name, angle in pose.angles._asdict().items()},
        "quaternion": _rounded(pose.quaternion),
        "rotation": [_rounded(row) for row in pose.rotation],
        "scale": round(pose.scale, 6),
        "translation": _rounded(pose.translation),
    }


def _measures(face: Face3D) -> dict[str, float | None]:
    values = dataclasses.asdict(face.measures).items()
    return {name: None if math.isnan(value) else round(value, 6) for name, value in values}


def _blendshapes(face: Face3D) -> dict[str, float | None] | None:
    values = blendshapes_of(face)
    if values is None:
        return None
    return {name: None if math.isnan(value) else round(value, 6) for name, value in values.items()}


def _rounded(values: npt.NDArray[np.float64]) -> list[float]:
    return [round(float(value), 9) for value in values]
