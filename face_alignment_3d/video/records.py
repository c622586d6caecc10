"""The faces of a film as files: JSON, CSV or NumPy arrays, a frame at a time."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from face_alignment_3d.export import PhotoFaces, to_json
from face_alignment_3d.export.csv_file import COLUMNS as PHOTO_COLUMNS
from face_alignment_3d.export.record import shortest
from face_alignment_3d.markup import MARKUP_NAME, NAMES, NUM_LANDMARKS
from face_alignment_3d.video.part_file import PartFile
from face_alignment_3d.video.tracked_face import TrackedFace3D

#: Name and version of the layout; the version changes when a reader would have to.
SCHEMA: Final = "face-alignment-3d-video/1"

_COORDINATES: Final = (
    "pixels of the upright frame (the film's rotation applied); (0, 0) is the centre of the top-left pixel; "
    "x right, y down, z away from the camera in the same unit, with zero mean over a face's points"
)


class FilmRecord(Protocol):
    """A file with the faces of each frame. It appears when it is finished, complete."""

    def add(self, index: int, time: float, faces: Sequence[TrackedFace3D]) -> None:
        """The faces of the next frame; ``time`` in seconds."""
        ...

    def finish(self, *, complete: bool) -> None:
        """Puts the file in its place. ``complete``: whether these are all frames of the film."""
        ...

    def discard(self) -> None:
        """Removes what was written, unless it is finished."""
        ...


class JsonRecord:
    """One JSON document, with a line for each frame; faces are as in a photo's JSON, with ``track_id``."""

    def __init__(self, path: Path, *, film: str, height: int, width: int) -> None:
        self._part = PartFile(path)
        self._film, self._height, self._width = film, height, width
        self._file = self._part.path.open("w", encoding="utf-8")
        head = {
            "schema": SCHEMA,
            "film": film,
            "width": width,
            "height": height,
            "coordinates": _COORDINATES,
            "markup": {"name": MARKUP_NAME, "points": list(NAMES)},
        }
        self._file.write(json.dumps(head, ensure_ascii=False)[:-1] + ',\n"frames": [')
        self._separator = "\n"

    def add(self, index: int, time: float, faces: Sequence[TrackedFace3D]) -> None:
        """See :class:`FilmRecord`."""
        rows = to_json(PhotoFaces(self._film, self._height, self._width, faces))["faces"]
        named = [{"track_id": face.track_id, **row} for face, row in zip(faces, rows, strict=True)]
        frame = {"frame": index, "time": round(time, 6), "faces": named}
        self._file.write(self._separator + json.dumps(frame, allow_nan=False))
        self._separator = ",\n"

    def finish(self, *, complete: bool) -> None:
        """See :class:`FilmRecord`."""
        self._file.write(f'\n],\n"complete": {json.dumps(complete)}}}\n')
        self._file.close()
        self._part.finish()

    def discard(self) -> None:
        """See :class:`FilmRecord`."""
        self._file.close()
        self._part.discard()


class CsvRecord:
    """One row for each face of each frame: ``frame``, ``time``, ``track_id``, then as in a photo's CSV."""

    def __init__(self, path: Path, *, film: str, height: int, width: int) -> None:
        self._part = PartFile(path)
        self._file = self._part.path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        # The first two columns of a photo's table name the photo and count its faces.
        self._writer.writerow(["frame", "time", "track_id", *PHOTO_COLUMNS[2:]])

    def add(self, index: int, time: float, faces: Sequence[TrackedFace3D]) -> None:
        """See :class:`FilmRecord`."""
        for face in faces:
            numbers = [*shortest(face.box), *shortest(face.landmarks.T.reshape(-1))]
            score = "" if face.score is None else float(face.score)
            row = [index, round(time, 6), face.track_id, score, *numbers, *shortest(face.confidence)]
            self._writer.writerow(row)

    def finish(self, *, complete: bool) -> None:
        """See :class:`FilmRecord`; a table does not say whether it is complete."""
        self._file.close()
        self._part.finish()

    def discard(self) -> None:
        """See :class:`FilmRecord`."""
        self._file.close()
        self._part.discard()


class _Numbers(NamedTuple):
    """What is kept of a face: not the pose, which is computed with it and takes as much memory again."""

    track_id: int
    landmarks: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    box: npt.NDArray[np.float32]
    score: float | None


class NpzRecord:
    """Arrays for ``numpy.load``, compressed. They are kept in memory until the end: 1.1 kB a face.

    For the N faces of all frames in turn: ``frame`` (N,), ``track_id`` (N,), ``landmarks`` (N, 66, 3),
    ``confidence`` (N, 66), ``box`` (N, 4), ``score`` (N,), NaN where there is none. For the T frames:
    ``time`` (T,) in seconds. ``size`` is (height, width); ``complete``, ``markup`` and ``schema`` are
    scalars.
    """

    def __init__(self, path: Path, *, film: str, height: int, width: int) -> None:
        self._part = PartFile(path)
        self._film, self._size = film, (height, width)
        self._times: list[float] = []
        self._frames: list[int] = []
        self._faces: list[_Numbers] = []
        self._part.path.touch()  # Says now, not after hours, when the folder cannot be written to.

    def add(self, index: int, time: float, faces: Sequence[TrackedFace3D]) -> None:
        """See :class:`FilmRecord`."""
        self._times.append(time)
        self._frames += [index] * len(faces)
        self._faces += [_Numbers(f.track_id, f.landmarks, f.confidence, f.box, f.score) for f in faces]

    def finish(self, *, complete: bool) -> None:
        """See :class:`FilmRecord`."""
        faces, count = self._faces, len(self._faces)
        with self._part.path.open("wb") as file:
            np.savez_compressed(
                file,
                frame=np.array(self._frames, np.int64),
                track_id=np.array([face.track_id for face in faces], np.int64),
                landmarks=np.array([f.landmarks for f in faces], np.float32).reshape(count, NUM_LANDMARKS, 3),
                confidence=np.array([f.confidence for f in faces], np.float32).reshape(count, NUM_LANDMARKS),
                box=np.array([f.box for f in faces], np.float32).reshape(count, 4),
                score=np.array([np.nan if f.score is None else f.score for f in faces], np.float64),
                time=np.array(self._times, np.float64),
                film=np.array(self._film),
                size=np.array(self._size),
                complete=np.array(complete),
                markup=np.array(MARKUP_NAME),
                schema=np.array(SCHEMA),
            )
        self._part.finish()

    def discard(self) -> None:
        """See :class:`FilmRecord`."""
        self._part.discard()


#: Kind of file -> what writes it; its ending is the kind.
RECORDS: Final[Mapping[str, type[JsonRecord] | type[CsvRecord] | type[NpzRecord]]] = MappingProxyType(
    {"json": JsonRecord, "csv": CsvRecord, "npz": NpzRecord}
)
