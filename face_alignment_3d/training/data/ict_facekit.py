"""Facts about ICT-FaceKit's files that its readers share."""

import json
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import DataError
from face_alignment_3d.markup import FROM_68

#: From its frame (x to the subject's left, y up, z towards the viewer) to the library's.
TO_LIBRARY_FRAME: Final = np.array([1.0, -1.0, -1.0])


def landmark_vertices(data: Path, count: int) -> npt.NDArray[np.int64]:
    """(66,): the vertex of each point of the markup, one of the first ``count``.

    Reads ``ict_vertex_indices.json`` below ``data``/models. Raises :class:`DataError` where it is missing or
    broken.
    """
    path = data / "models" / "ict_vertex_indices.json"
    try:
        vertices = json.loads(path.read_text(encoding="utf-8"))["idx_to_landmark_verts"]
        found = np.array(vertices, dtype=np.int64)
        if found.shape != (68,) or found.min() < 0 or found.max() >= count:
            raise ValueError(f"{found.shape} vertices")
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise DataError(
            f"expected idx_to_landmark_verts, 68 of the first {count} vertices, in {path}; got {error}. Get "
            "the file again"
        ) from error
    return found[FROM_68]
