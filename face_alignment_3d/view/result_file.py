"""A result file of a photo or a video, as a page shows it."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import FaceAlignmentError
from face_alignment_3d.markup import NUM_LANDMARKS
from face_alignment_3d.view.page import ViewPage

_PHOTO: Final = "face-alignment-3d/"
_VIDEO: Final = "face-alignment-3d-video/"
_OF_FACES: Final = ("landmarks", "confidence", "pose", "blendshapes")


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
            self._size = {name: int(content[name]) for name in ("height", "width")}
            self._named = Path(content["video" if self._is_video else "image"])
            self._frames = [
                (float(frame["time"]), _checked(frame["faces"]))
                for frame in (
                    content["frames"] if self._is_video else [{"time": 0, "faces": content["faces"]}]
                )
            ]
        except (ValueError, KeyError, TypeError) as error:
            what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            raise FaceAlignmentError(
                f"{self._path}: expected a JSON file that align or video wrote with this version; {what}"
            ) from None

    @property
    def source(self) -> Path | None:
        """The photo or video that the file names, from here or beside the file; None when it is not there."""
        places = (self._named, self._path.parent / self._named, self._path.parent / self._named.name)
        return next((place for place in places if place.is_file()), None)

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


def _checked(faces: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The faces; raises KeyError, TypeError and ValueError for what is none."""
    for face in faces:
        for name in _OF_FACES:
            face[name]
        shape = np.shape(np.asarray(face["landmarks"], np.float64))
        if shape != (NUM_LANDMARKS, 3):
            raise ValueError(f"landmarks have shape {shape} instead of ({NUM_LANDMARKS}, 3)")
    return faces
