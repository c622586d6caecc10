"""The faces of a video as JSON, a line a frame."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from face_alignment_3d.export import PhotoFaces, to_json
from face_alignment_3d.markup import MARKUP_NAME, NAMES
from face_alignment_3d.video.part_file import PartFile
from face_alignment_3d.video.records.protocol import RecordedVideo
from face_alignment_3d.video.records.schema import SCHEMA
from face_alignment_3d.video.tracked_face import TrackedFace3D

_COORDINATES: Final = (
    "pixels of the upright frame (the video's rotation applied); (0, 0) is the center of the top-left pixel; "
    "x right, y down, z away from the camera in the same unit, with zero mean over a face's points"
)


class JsonRecord:
    """One JSON document, with a line for each frame; faces are as in a photo's JSON, with ``track_id``."""

    ENDING: Final = ".json"

    def __init__(self, path: Path, video: RecordedVideo) -> None:
        self._part = PartFile(path)
        self._video = video
        self._file = self._part.path.open("w", encoding="utf-8")
        head = {
            "schema": SCHEMA,
            "video": video.video,
            "width": video.width,
            "height": video.height,
            "coordinates": _COORDINATES,
            "markup": {"name": MARKUP_NAME, "points": list(NAMES)},
        }
        self._file.write(json.dumps(head, ensure_ascii=False)[:-1] + ',\n"frames": [')
        self._separator = "\n"

    def add(self, index: int, time: float, faces: Sequence[TrackedFace3D]) -> None:
        """See :class:`VideoRecord`."""
        frame = PhotoFaces(self._video.video, self._video.height, self._video.width, faces)
        rows = to_json(frame)["faces"]
        named = [{"track_id": face.track_id, **row} for face, row in zip(faces, rows, strict=True)]
        content = {"frame": index, "time": round(time, 6), "faces": named}
        self._file.write(self._separator + json.dumps(content, allow_nan=False))
        self._separator = ",\n"

    def finish(self, *, complete: bool) -> list[Path]:
        """See :class:`VideoRecord`."""
        self._file.write(f'\n],\n"complete": {json.dumps(complete)}}}\n')
        self._file.close()
        return [self._part.finish()]

    def discard(self) -> None:
        """See :class:`VideoRecord`."""
        self._part.discard(self._file)
