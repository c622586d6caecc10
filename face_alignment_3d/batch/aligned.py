"""Images -> faces, such that the failure of one image does not affect the others."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from face_alignment_3d.batch.aligner_options import BatchAligner
from face_alignment_3d.face import Face3D


def faces_of_each(
    aligner: BatchAligner, images: Sequence[npt.NDArray[np.uint8] | Exception]
) -> list[list[Face3D] | Exception]:
    """The faces of each RGB image (H, W, 3), or its exception; an exception as input is returned.

    All images go to the aligner together, and one by one where that fails: out of memory, or by a fault of
    ours.
    """
    readable = [image for image in images if not isinstance(image, Exception)]
    found: list[list[Face3D] | Exception]
    try:
        found = [*aligner.detect_batch(readable)] if readable else []
    except Exception:
        found = [_alone(aligner, image) for image in readable]
    outcomes = iter(found)
    return [image if isinstance(image, Exception) else next(outcomes) for image in images]


def _alone(aligner: BatchAligner, image: npt.NDArray[np.uint8]) -> list[Face3D] | Exception:
    try:
        return aligner.detect(image)
    except Exception as error:
        return error
