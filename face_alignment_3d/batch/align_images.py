"""An aligner as a step of a Ray pipeline of the user's."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from face_alignment_3d.batch.aligned import faces_of_each
from face_alignment_3d.batch.aligner_options import AlignerOptions, AlignerSource
from face_alignment_3d.batch.schema import FACE_STRUCT, face_row
from face_alignment_3d.errors import BatchError
from face_alignment_3d.image_file import open_image_bytes
from face_alignment_3d.images import as_rgb

#: Columns that may hold the image, the first of these that is there.
_IMAGE_COLUMNS: Final = ("image", "bytes", "path")


class AlignImages:
    """For ``ray.data.Dataset.map_batches`` with ``batch_format="numpy"`` and a pool of actors.

    A batch has a column ``image`` (RGB arrays (H, W, 3), as of ``ray.data.read_images``), ``bytes`` (what is
    in picture files, as of ``ray.data.read_binary_files``) or ``path`` (local files). The result has a row
    for each row that goes in, in the same order: the other columns, ``path`` among them; ``faces``, a list of
    :data:`~face_alignment_3d.batch.schema.FACE_STRUCT`; and ``error``, a text, or null where there was none.

    The aligner is made with the instance, one in each actor, with ``threads`` threads. Raises as
    :class:`face_alignment_3d.FaceAligner3D` does.
    """

    def __init__(self, aligner: AlignerSource | None = None, *, threads: int = 1) -> None:
        self._threads = threads
        self._aligner = (AlignerOptions() if aligner is None else aligner).open(threads=threads)

    def __call__(self, batch: Mapping[str, npt.NDArray[Any]]) -> pa.Table:
        """The batch with its faces. Raises :class:`BatchError` for one without images."""
        source = next((name for name in _IMAGE_COLUMNS if name in batch), None)
        if source is None:
            raise BatchError(
                f"expected a column {', '.join(_IMAGE_COLUMNS)}; got {', '.join(batch) or 'none'}"
            )
        names = [str(name) for name in batch.get("path", range(len(batch[source])))]
        outcomes = faces_of_each(
            self._aligner,
            [_read(source, *pair) for pair in zip(batch[source], names, strict=True)],
            threads=self._threads,
        )
        kept = {
            name: pa.array(list(values)) for name, values in batch.items() if name not in ("image", "bytes")
        }
        faces = [
            []
            if isinstance(found, Exception)
            else [face_row(face, index) for index, face in enumerate(found)]
            for found in outcomes
        ]
        errors = [
            str(found) or type(found).__name__ if isinstance(found, Exception) else None for found in outcomes
        ]
        return pa.table(
            {**kept, "faces": pa.array(faces, pa.list_(FACE_STRUCT)), "error": pa.array(errors, pa.string())}
        )


def _read(kind: str, value: Any, name: str) -> npt.NDArray[np.uint8] | Exception:
    try:
        if kind != "bytes":
            return as_rgb(value)
        with open_image_bytes(value, name) as image:
            return as_rgb(image)
    except Exception as error:
        return error
