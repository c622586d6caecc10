"""The photos of faces that teachers have labelled, read and shrunk."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from face_alignment_3d.training.data.datasets.photos68 import shrink_to_face
from face_alignment_3d.training.data.datasets.teachers import TeacherLabelledFaces


def read_shrunk(
    faces: TeacherLabelledFaces, *, face_size: int
) -> tuple[list[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
    """Each photo shrunk to a face of at most ``face_size`` px, and the factors (N,) that they were shrunk by.

    Raises :class:`ImageError` for a file that is no picture.
    """

    def read(index: int) -> tuple[npt.NDArray[np.uint8], float]:
        image = faces.image(index)
        small, _ = shrink_to_face(image, faces.tddfa[index], face_size=face_size)
        return small, small.shape[1] / image.shape[1]

    with ThreadPoolExecutor() as executor:
        read_all = list(executor.map(read, range(len(faces.names))))
    return [image for image, _ in read_all], np.array([scale for _, scale in read_all], dtype=np.float32)


def select(
    faces: TeacherLabelledFaces, indices: Sequence[int] | npt.NDArray[np.intp]
) -> TeacherLabelledFaces:
    """The faces at ``indices``, in that order."""
    chosen = np.asarray(indices, dtype=np.intp)
    return replace(
        faces,
        names=tuple(faces.names[i] for i in chosen),
        tddfa=faces.tddfa[chosen],
        mediapipe=faces.mediapipe[chosen],
        yaw=faces.yaw[chosen],
        disagreement=faces.disagreement[chosen],
    )
