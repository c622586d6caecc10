"""Faces as arrays: those of a photo, or of the frames of a video."""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.atomic import PartFile, naming, write_atomically
from face_alignment_3d.export.frame_writer import VIDEO_SCHEMA, FrameFaces, VideoInfo
from face_alignment_3d.export.record import SCHEMA, PhotoFaces, blendshape_row, pose_of, visibility_row
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import MARKUP_NAME, NUM_LANDMARKS
from face_alignment_3d.markup68 import Markup, in_markup, values_in_markup


def write_npz(path: str | os.PathLike[str], photo: PhotoFaces, *, markup: Markup = "66") -> None:
    """Writes the F faces of a photo to ``path`` for ``numpy.load``, compressed, whole or not at all.

    ``landmarks`` (F, 66 or 68, 3) float32, ``confidence`` and ``visibility`` (F, 66 or 68), NaN where the
    weights do not tell it, ``box`` (F, 4), ``score`` (F,), NaN where the box was the caller's;
    ``rotation`` (F, 3, 3), ``angles`` (F, 3) yaw, pitch, roll in degrees, ``scale`` (F,), ``translation``
    (F, 3) and ``points_canonical`` (F, 66, 3), NaN for faces without a
    pose; ``blendshapes`` (F, 52) float32, NaN for what is not known, in the order of
    ``blendshape_names`` (52,); ``image``, ``size`` (height, width), ``markup``, ``schema``. Units and signs
    are those of :class:`~face_alignment_3d.Face3D`. Raises OSError when the folder is missing or cannot be
    written to.
    """
    faces = list(photo.faces)
    count = len(faces)
    rotation = np.full((count, 3, 3), np.nan)
    angles, translation = np.full((count, 3), np.nan), np.full((count, 3), np.nan)
    scale = np.full(count, np.nan)
    canonical = np.full((count, NUM_LANDMARKS, 3), np.nan)
    for index, face in enumerate(faces):
        pose = pose_of(face)
        if pose is not None:
            rotation[index], angles[index], scale[index] = pose.rotation, pose.angles, pose.scale
            translation[index], canonical[index] = pose.translation, face.points_canonical
    content = io.BytesIO()
    np.savez_compressed(
        content,
        **_arrays([_Row.of(face) for face in faces], markup),
        rotation=rotation,
        angles=angles,
        scale=scale,
        translation=translation,
        points_canonical=canonical,
        image=np.array(photo.image),
        size=np.array([photo.height, photo.width]),
        markup=np.array(markup),
        schema=np.array(SCHEMA),
    )
    write_atomically(Path(path), content.getvalue())


class NpzFrameWriter:
    """Arrays for ``numpy.load``, compressed. They are kept in memory until the end: 1.6 kB a face.

    For the N faces of all frames in turn: ``frame`` (N,), ``track_id`` (N,), ``landmarks`` (N, 66 or 68, 3),
    ``confidence`` and ``visibility`` (N, 66 or 68), NaN where the weights do not tell it, ``box`` (N, 4),
    ``score`` (N,), NaN where there is none, ``blendshapes`` (N, 52), NaN for what is not known, in the order
    of ``blendshape_names`` (52,). For the T frames: ``time`` (T,) in seconds and ``frame_size`` (T, 2),
    (height, width). ``size`` is that of the first frame; ``complete``, ``markup`` and ``schema`` are scalars.
    """

    ENDING: Final = ".npz"

    def __init__(self, path: Path, video: VideoInfo) -> None:
        self._part = PartFile(path)
        self._video = video
        self._times: list[float] = []
        self._sizes: list[tuple[int, int]] = []
        self._frames: list[int] = []
        self._track_ids: list[int] = []
        self._rows: list[_Row] = []
        with naming(path):
            self._part.path.touch()  # Fails now, not after hours, when the folder cannot be written to.

    def add(self, frame: FrameFaces) -> None:
        """See :class:`FrameWriter`."""
        self._times.append(frame.time)
        self._sizes.append((frame.height, frame.width))
        self._frames += [frame.index] * len(frame.faces)
        self._track_ids += [face.track_id for face in frame.faces]
        self._rows += [_Row.of(face) for face in frame.faces]

    def finish(self, *, complete: bool) -> list[Path]:
        """See :class:`FrameWriter`."""
        with naming(self._part.target), self._part.path.open("wb") as file:
            np.savez_compressed(
                file,
                **_arrays(self._rows, self._video.markup),
                frame=np.array(self._frames, np.int64),
                track_id=np.array(self._track_ids, np.int64),
                time=np.array(self._times, np.float64),
                frame_size=np.array(self._sizes, np.int64).reshape(-1, 2),
                video=np.array(self._video.video),
                size=np.array((self._video.height, self._video.width)),
                complete=np.array(complete),
                markup=np.array(MARKUP_NAME if self._video.markup == "66" else "68"),
                schema=np.array(VIDEO_SCHEMA),
            )
        return [self._part.finish()]

    def discard(self) -> None:
        """See :class:`FrameWriter`."""
        self._part.discard()


class _Row(NamedTuple):
    """The numbers of a face but for its pose, which is computed and takes as much memory again."""

    landmarks: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    visibility: npt.NDArray[np.float32]
    box: npt.NDArray[np.float32]
    score: float | None
    blendshapes: npt.NDArray[np.float32]

    @classmethod
    def of(cls, face: Face3D) -> "_Row":
        return cls(
            face.landmarks, face.confidence, visibility_row(face), face.box, face.score, blendshape_row(face)
        )


def _arrays(rows: Sequence[_Row], markup: Markup) -> dict[str, Any]:
    """Name -> array, for the arrays that photos and videos have in common."""
    count = len(rows)
    landmarks = np.array([row.landmarks for row in rows], np.float32).reshape(count, NUM_LANDMARKS, 3)
    blendshapes = np.array([row.blendshapes for row in rows], np.float32).reshape(count, len(BLENDSHAPES))
    return {
        "landmarks": in_markup(landmarks, markup),
        "confidence": _per_point([row.confidence for row in rows], markup),
        "visibility": _per_point([row.visibility for row in rows], markup),
        "box": np.array([row.box for row in rows], np.float32).reshape(count, 4),
        "score": np.array([np.nan if row.score is None else row.score for row in rows], np.float64),
        "blendshapes": blendshapes,
        "blendshape_names": np.array(BLENDSHAPES),
    }


def _per_point(rows: Sequence[npt.NDArray[np.float32]], markup: Markup) -> npt.NDArray[np.floating]:
    """F rows (66,) as (F, 66 or 68)."""
    return values_in_markup(np.array(rows, np.float32).reshape(len(rows), NUM_LANDMARKS), markup)
