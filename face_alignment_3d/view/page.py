"""The page: frames with faces are put into it one by one, and thinned out where they would be too many."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.export import PhotoFaces, to_json
from face_alignment_3d.view.pictures import data_url, encode, within

#: Frames of a page, at most; of longer videos it has every second, fourth, ...
_MOST_FRAMES: Final = 300
#: Bytes of all that is said of faces, at most, where there is more than one frame.
_MOST_DATA: Final = 1_500_000
#: Bytes of all pictures, at most; a third more as text.
_MOST_PICTURES: Final = 2_700_000
#: Longer side in pixels of a photo, and of a frame of a video.
_PHOTO_SIDE: Final = 2048
_FRAME_SIDE: Final = 640


@dataclass(frozen=True)
class _Frame:
    time: float
    faces: str
    """JSON."""
    picture: bytes | None


class ViewPage:
    """A page that shows a photo or a video beside its faces; opens without a network, and stays under 6 MB.

    ``title`` is its headline. ``height`` and ``width`` are the pixels of the frames that points are in. Of
    longer videos the page keeps every second, fourth, ... frame.
    """

    def __init__(self, title: str, *, height: int, width: int) -> None:
        self._head = {"title": title, "height": height, "width": width, "blendshapes": BLENDSHAPES}
        self._frames: list[_Frame] = []
        self._data = 0
        self._given = 0
        self.step = 1
        """The page has every ``step``-th frame."""

    def add(
        self, time: float, image_rgb: npt.NDArray[np.uint8] | None, faces: Sequence[Mapping[str, Any]]
    ) -> None:
        """The next frame: its time in seconds, its picture (H, W, 3) or None, and its faces.

        ``faces`` are as in the JSON files of photos and videos: ``to_json(photo)["faces"]``.
        """
        self._given += 1
        if (self._given - 1) % self.step:
            return
        shown = [_shown(face, index) for index, face in enumerate(faces)]
        text = json.dumps(shown, separators=(",", ":"), allow_nan=False)
        longest = _FRAME_SIDE if self._frames else _PHOTO_SIDE
        picture = None if image_rgb is None else encode(image_rgb, longest=longest)
        self._frames.append(_Frame(round(time, 4), text, picture))
        self._data += len(text)
        while len(self._frames) > 1 and (len(self._frames) > _MOST_FRAMES or self._data > _MOST_DATA):
            self._frames = self._frames[::2]
            self._data = sum(len(frame.faces) for frame in self._frames)
            self.step *= 2

    def html(self) -> str:
        """The whole page."""
        pictures = within([frame.picture for frame in self._frames], _MOST_PICTURES)
        frames = ",\n".join(
            f'{{"time":{frame.time},"picture":{_quoted(picture)},"faces":{frame.faces}}}'
            for frame, picture in zip(self._frames, pictures, strict=True)
        )
        head = json.dumps(self._head)
        # A page ends a script at its end tag, wherever that stands.
        data = f'{head[:-1]}, "frames": [\n{frames}\n]}}'.replace("<", "\\u003c")
        template = resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
        return template.replace("/*DATA*/", data, 1)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes the page to ``path``, whole or not at all.

        Raises OSError when the folder is missing or cannot be written to.
        """
        write_atomically(Path(path), self.html().encode())


def photo_page(photo: PhotoFaces, image_rgb: npt.NDArray[np.uint8]) -> ViewPage:
    """The page of a photo (H, W, 3) and its faces."""
    page = ViewPage(Path(photo.image).name, height=photo.height, width=photo.width)
    page.add(0.0, image_rgb, to_json(photo)["faces"])
    return page


def _shown(face: Mapping[str, Any], index: int) -> dict[str, Any]:
    """The parts of a face in a JSON file that the page's script reads (web/src/view/face.ts)."""
    pose, values, visibility = face["pose"], face["blendshapes"], face.get("visibility")
    return {
        "id": face.get("track_id", index),
        "points": [_rounded(point, 2) for point in face["landmarks"]],
        "confidence": _rounded(face["confidence"], 2),
        "visibility": None if visibility is None else _rounded(visibility, 2),
        "pose": None
        if pose is None
        else {
            **{name: round(pose[name], 2) for name in ("yaw", "pitch", "roll")},
            "rotation": [_rounded(row, 4) for row in pose["rotation"]],
            "origin": _rounded(pose["translation"], 2),
        },
        "blendshapes": None
        if values is None
        else [None if values.get(name) is None else round(values[name], 3) for name in BLENDSHAPES],
    }


def _rounded(values: Sequence[float], digits: int) -> list[float]:
    return [round(value, digits) for value in values]


def _quoted(picture: bytes | None) -> str:
    return "null" if picture is None else f'"{data_url(picture)}"'
