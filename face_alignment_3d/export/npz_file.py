"""One photo's faces as arrays."""

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.export.record import SCHEMA, PhotoFaces, blendshape_row, pose_of, visibility_row
from face_alignment_3d.markup import NUM_LANDMARKS
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
    landmarks = np.array([face.landmarks for face in faces], np.float32).reshape(count, NUM_LANDMARKS, 3)
    content = io.BytesIO()
    np.savez_compressed(
        content,
        landmarks=in_markup(landmarks, markup),
        confidence=_per_point([face.confidence for face in faces], markup),
        visibility=_per_point([visibility_row(face) for face in faces], markup),
        box=np.array([face.box for face in faces], np.float32).reshape(count, 4),
        score=np.array([np.nan if face.score is None else face.score for face in faces], np.float64),
        rotation=rotation,
        angles=angles,
        scale=scale,
        translation=translation,
        points_canonical=canonical,
        blendshapes=np.array([blendshape_row(face) for face in faces], np.float32).reshape(
            count, len(BLENDSHAPES)
        ),
        blendshape_names=np.array(BLENDSHAPES),
        image=np.array(photo.image),
        size=np.array([photo.height, photo.width]),
        markup=np.array(markup),
        schema=np.array(SCHEMA),
    )
    write_atomically(Path(path), content.getvalue())


def _per_point(rows: Sequence[npt.NDArray[np.float32]], markup: Markup) -> npt.NDArray[np.floating]:
    """F rows (66,) as (F, 66 or 68)."""
    return values_in_markup(np.array(rows, np.float32).reshape(len(rows), NUM_LANDMARKS), markup)
