"""The faces of a video as NumPy arrays."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.export.record import blendshape_row, visibility_row
from face_alignment_3d.markup import MARKUP_NAME, NUM_LANDMARKS
from face_alignment_3d.markup68 import in_markup, values_in_markup
from face_alignment_3d.video.part_file import PartFile
from face_alignment_3d.video.records.protocol import RecordedVideo
from face_alignment_3d.video.records.schema import SCHEMA
from face_alignment_3d.video.tracked_face import TrackedFace3D


class _Numbers(NamedTuple):
    """What is kept of a face: not the pose, which is computed with it and takes as much memory again."""

    track_id: int
    landmarks: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    visibility: npt.NDArray[np.float32]
    box: npt.NDArray[np.float32]
    score: float | None
    blendshapes: npt.NDArray[np.float32]


class NpzRecord:
    """Arrays for ``numpy.load``, compressed. They are kept in memory until the end: 1.6 kB a face.

    For the N faces of all frames in turn: ``frame`` (N,), ``track_id`` (N,), ``landmarks`` (N, 66 or 68, 3),
    ``confidence`` and ``visibility`` (N, 66 or 68), NaN where the weights do not tell it, ``box`` (N, 4),
    ``score`` (N,), NaN where there is none, ``blendshapes`` (N, 52),
    NaN for what is not known, in the order of ``blendshape_names`` (52,). For the T frames: ``time`` (T,)
    in seconds. ``size`` is (height, width); ``complete``, ``markup`` and ``schema`` are scalars.
    """

    ENDING: Final = ".npz"

    def __init__(self, path: Path, video: RecordedVideo) -> None:
        self._part = PartFile(path)
        self._video = video
        self._times: list[float] = []
        self._frames: list[int] = []
        self._faces: list[_Numbers] = []
        self._part.path.touch()  # Says now, not after hours, when the folder cannot be written to.

    def add(self, index: int, time: float, faces: Sequence[TrackedFace3D]) -> None:
        """See :class:`VideoRecord`."""
        self._times.append(time)
        self._frames += [index] * len(faces)
        self._faces += [
            _Numbers(
                f.track_id, f.landmarks, f.confidence, visibility_row(f), f.box, f.score, blendshape_row(f)
            )
            for f in faces
        ]

    def finish(self, *, complete: bool) -> list[Path]:
        """See :class:`VideoRecord`."""
        faces, count = self._faces, len(self._faces)
        landmarks = np.array([f.landmarks for f in faces], np.float32).reshape(count, NUM_LANDMARKS, 3)
        with self._part.path.open("wb") as file:
            np.savez_compressed(
                file,
                frame=np.array(self._frames, np.int64),
                track_id=np.array([face.track_id for face in faces], np.int64),
                landmarks=in_markup(landmarks, self._video.markup),
                confidence=self._per_point([f.confidence for f in faces]),
                visibility=self._per_point([f.visibility for f in faces]),
                box=np.array([f.box for f in faces], np.float32).reshape(count, 4),
                score=np.array([np.nan if f.score is None else f.score for f in faces], np.float64),
                blendshapes=np.array([f.blendshapes for f in faces], np.float32).reshape(
                    count, len(BLENDSHAPES)
                ),
                blendshape_names=np.array(BLENDSHAPES),
                time=np.array(self._times, np.float64),
                video=np.array(self._video.video),
                size=np.array((self._video.height, self._video.width)),
                complete=np.array(complete),
                markup=np.array(MARKUP_NAME if self._video.markup == "66" else "68"),
                schema=np.array(SCHEMA),
            )
        return [self._part.finish()]

    def _per_point(self, rows: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.floating]:
        """N rows (66,) as (N, 66 or 68)."""
        values = np.array(rows, np.float32).reshape(len(rows), NUM_LANDMARKS)
        return values_in_markup(values, self._video.markup)

    def discard(self) -> None:
        """See :class:`VideoRecord`."""
        self._part.discard()
