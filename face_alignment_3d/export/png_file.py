"""A picture as PNG."""

import io
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from face_alignment_3d.atomic import write_atomically


def write_png(path: str | os.PathLike[str], picture: npt.NDArray[np.uint8]) -> None:
    """Writes an RGB picture (H, W, 3) uint8 to ``path``, whole or not at all.

    Raises OSError when the folder is missing or cannot be written to.
    """
    encoded = io.BytesIO()
    # Level 6, the default, takes more than twice as long on a photo to save an eighth.
    Image.fromarray(picture).save(encoded, "PNG", compress_level=3)
    write_atomically(Path(path), encoded.getvalue())
