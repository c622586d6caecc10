"""A result file of a photo or a video, as a page shows it."""

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.errors import FaceAlignmentError
from face_alignment_3d.markup import NUM_LANDMARKS
from face_alignment_3d.paths import is_file
from face_alignment_3d.view.page import ViewPage

_PHOTO: Final = "face-alignment-3d/"
_VIDEO: Final = "face-alignment-3d-video/"
#: Pixels; no format of pictures has longer sides.
_LARGEST_SIDE: Final = 2**31


class ResultFile:
    """A JSON file that ``align`` or ``video`` wrote.

    Raises OSError where it cannot be read and :class:`FaceAlignmentError` for any other file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            schema = str(content["schema"])
            self._is_video = schema.startswith(_VIDEO)
            if not (self._is_video or schema.startswith(_PHOTO)):
                raise ValueError(f"its schema is {schema!r}")
            self._size = {name: _side(content[name], name) for name in ("height", "width")}
            self._named = Path(content["video" if self._is_video else "image"])
            frames = content["frames"] if self._is_video else [{"time": 0, "faces": content["faces"]}]
            self._frames = [(_number(frame["time"]), _checked(frame["faces"])) for frame in frames]
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            raise FaceAlignmentError(
                f"{self._path}: expected a JSON file that align or video wrote with this version; {what}"
            ) from None

    @property
    def source(self) -> Path | None:
        """The photo or video that the file names, from here or beside the file; None when it is not there."""
        places = (self._named, self._path.parent / self._named, self._path.parent / self._named.name)
        return next((place for place in places if is_file(place)), None)

    @property
    def source_name(self) -> str:
        """The photo or video, as the file names it."""
        return str(self._named)

    def page(self) -> ViewPage:
        """The page; without pictures where :attr:`source` is None.

        Raises :class:`ImageError`, :class:`VideoError` and :class:`BackendError` where the source is there
        and cannot be read.
        """
        page = ViewPage(self._named.name, **self._size)
        pictures = self._pictures()
        for time, faces in self._frames:
            page.add(time, next(pictures, None), faces)
        return page

    def _pictures(self) -> Iterator[npt.NDArray[np.uint8]]:
        source = self.source
        if source is None:
            return
        if not self._is_video:
            from face_alignment_3d.images import as_rgb

            yield as_rgb(source)
            return
        from face_alignment_3d.video.reader import VideoReader

        with VideoReader(source) as video:
            for frame in video.frames():
                yield frame.image_rgb


def _checked(faces: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The parts of faces that a page shows. Raises KeyError, TypeError, AttributeError and ValueError."""
    return [_checked_face(face, index) for index, face in enumerate(faces)]


def _checked_face(face: Mapping[str, Any], index: int) -> Mapping[str, Any]:
    pose, blendshapes, visibility = face["pose"], face["blendshapes"], face.get("visibility")
    return {
        "track_id": int(face.get("track_id", index)),
        "landmarks": _array(face["landmarks"], "landmarks", NUM_LANDMARKS, 3),
        "confidence": _array(face["confidence"], "confidence", NUM_LANDMARKS),
        "visibility": None if visibility is None else _array(visibility, "visibility", NUM_LANDMARKS),
        "pose": None
        if pose is None
        else {
            **{name: _number(pose[name]) for name in ("yaw", "pitch", "roll")},
            "rotation": _array(pose["rotation"], "rotation", 3, 3),
            "translation": _array(pose["translation"], "translation", 3),
        },
        "blendshapes": None
        if blendshapes is None
        else {
            name: None if blendshapes.get(name) is None else _number(blendshapes[name])
            for name in BLENDSHAPES
        },
    }


def _array(values: Any, name: str, *shape: int) -> Any:
    array = np.asarray(values, np.float64)
    if array.shape != shape:
        raise ValueError(f"{name} have shape {array.shape} instead of {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} have NaN or infinity")
    return array.tolist()


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"it has the number {number}")
    return number


def _side(value: Any, name: str) -> int:
    side = int(value)
    if not 0 < side <= _LARGEST_SIDE:
        raise ValueError(f"its {name} is {side} pixels")
    return side
