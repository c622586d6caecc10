"""Faces as JSON: those of a photo, or of the frames of a video."""

import dataclasses
import json
import math
import os
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.atomic import PartFile, naming, write_atomically
from face_alignment_3d.export.frame_writer import VIDEO_SCHEMA, FrameFaces, VideoInfo
from face_alignment_3d.export.record import SCHEMA, PhotoFaces, pose_of, shortest
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import MARKUP_NAME, NAMES
from face_alignment_3d.pose.head_pose import HeadPose

_AXES: Final = (
    "(0, 0) is the center of the top-left pixel; x right, y down, z away from the camera in the same unit, "
    "with zero mean over a face's points"
)
_PHOTO_COORDINATES: Final = f"pixels of the upright photo (EXIF orientation applied); {_AXES}"
_FRAME_COORDINATES: Final = (
    f"square pixels of the upright frame (the video's rotation and pixel aspect ratio applied); {_AXES}"
)


def to_json(photo: PhotoFaces) -> dict[str, Any]:
    """The photo's faces as what :mod:`json` takes; docs/exports.md describes the schema.

    ``landmarks`` are rows [x, y, z] in the order of ``markup.points``, ``box`` is [x0, y0, x1, y1], and
    ``score`` is null when the box was the caller's; ``pose`` and ``measures`` are null for landmarks without
    a pose; ``blendshapes`` are null where they were not asked for, and each is null where it is not known;
    ``visibility`` is null where the weights do not predict it. Reading landmarks, confidence, visibility and
    box as float32 gives exactly the values written. Raises :class:`LandmarksError` for landmarks that are not
    finite.
    """
    return {
        "schema": SCHEMA,
        "image": photo.image,
        "width": photo.width,
        "height": photo.height,
        "coordinates": _PHOTO_COORDINATES,
        "markup": {"name": MARKUP_NAME, "points": list(NAMES)},
        "faces": [_face(face) for face in photo.faces],
    }


def json_text(photo: PhotoFaces) -> str:
    """:func:`to_json` as the text of a file, with a line for each face."""
    content = to_json(photo)
    # A face a line: the file can be read by eye and compared line by line, yet stays small.
    faces = ",\n".join("    " + json.dumps(face, allow_nan=False) for face in content.pop("faces"))
    head = json.dumps(content, indent=2, ensure_ascii=False)
    listing = f"[\n{faces}\n  ]" if faces else "[]"
    return f'{head[:-2]},\n  "faces": {listing}\n}}\n'


def write_json(path: str | os.PathLike[str], photo: PhotoFaces) -> None:
    r"""Writes :func:`to_json` to ``path``, in UTF-8, whole or not at all.

    Bytes of a file name that are not UTF-8 are written as escapes, such as ``\udce9``, which :mod:`json`
    reads back. Raises OSError when the folder is missing or cannot be written to, and otherwise as
    :func:`to_json`.
    """
    write_atomically(Path(path), json_text(photo).encode("utf-8", "backslashreplace"))


class JsonFrameWriter:
    """One JSON document, with a line for each frame; faces are as in a photo's JSON, with ``track_id``.

    A frame of another size than the first has its own ``width`` and ``height``.
    """

    ENDING: Final = ".json"

    def __init__(self, path: Path, video: VideoInfo) -> None:
        self._part = PartFile(path)
        self._video = video
        with naming(path):
            self._file = self._part.path.open("w", encoding="utf-8", errors="backslashreplace")
        head = {
            "schema": VIDEO_SCHEMA,
            "video": video.video,
            "width": video.width,
            "height": video.height,
            "coordinates": _FRAME_COORDINATES,
            "markup": {"name": MARKUP_NAME, "points": list(NAMES)},
        }
        self._file.write(json.dumps(head, ensure_ascii=False)[:-1] + ',\n"frames": [')
        self._separator = "\n"

    def add(self, frame: FrameFaces) -> None:
        """See :class:`FrameWriter`."""
        content: dict[str, Any] = {"frame": frame.index, "time": round(frame.time, 6)}
        if (frame.height, frame.width) != (self._video.height, self._video.width):
            content |= {"width": frame.width, "height": frame.height}
        content["faces"] = [{"track_id": face.track_id, **_face(face)} for face in frame.faces]
        text = json.dumps(content, allow_nan=False)
        with naming(self._part.target):
            self._file.write(self._separator + text)
        self._separator = ",\n"

    def finish(self, *, complete: bool) -> list[Path]:
        """See :class:`FrameWriter`."""
        with naming(self._part.target):
            self._file.write(f'\n],\n"complete": {json.dumps(complete)}}}\n')
            self._file.close()
        return [self._part.finish()]

    def discard(self) -> None:
        """See :class:`FrameWriter`."""
        self._part.discard(self._file)


def _face(face: Face3D) -> dict[str, Any]:
    face.require_finite("confidence", "visibility", "score")
    pose = pose_of(face)
    return {
        "box": shortest(face.box),
        "score": None if face.score is None else float(face.score),
        "landmarks": [shortest(point) for point in face.landmarks],
        "confidence": shortest(face.confidence),
        "visibility": None if face.visibility is None else shortest(face.visibility),
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
    values = face.blendshapes
    if values is None:
        return None
    return {name: None if math.isnan(value) else round(value, 6) for name, value in values.items()}


def _rounded(values: npt.NDArray[np.float64]) -> list[float]:
    return [round(float(value), 9) for value in values]
