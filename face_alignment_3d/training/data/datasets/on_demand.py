"""Samples that are read when they are drawn, for sets that do not fit into memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np

from face_alignment_3d.crop import box_around
from face_alignment_3d.training.data.datasets.photos68 import shrink_to_face
from face_alignment_3d.training.data.datasets.protocol import Dataset
from face_alignment_3d.training.data.sample import Sample

#: Side of the square that is kept, over the longer side of the face box. A crop of a turned head asked for
#: by a detector that is somewhat wrong lies within it.
_SURROUNDINGS = 2.2


@dataclass(frozen=True, eq=False)
class SamplesOnDemand(Sequence[Sample]):
    """Samples of a data set, each read, cut down to its face and shrunk whenever it is asked for.

    Nothing is kept; ``list(samples)`` reads a set once and for all. Reading is safe from several threads.
    """

    dataset: Dataset
    face_size: int
    """The face box's longer side in pixels, at most."""
    indices: Sequence[int] | None = None
    """The faces of the data set, in the order of the samples; None for all."""

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> "SamplesOnDemand": ...

    def __getitem__(self, index: int | slice) -> "Sample | SamplesOnDemand":
        """One sample, or those of a slice, unread. Raises DataError or ImageError, which name the file."""
        if isinstance(index, slice):
            return replace(self, indices=self._indices[index])
        if not -len(self) <= index < len(self):
            raise IndexError(f"expected an index below {len(self)}; got {index}")
        return around_face(self.dataset.sample(self._indices[index]), face_size=self.face_size)

    @property
    def _indices(self) -> Sequence[int]:
        return range(len(self.dataset)) if self.indices is None else self.indices


def around_face(sample: Sample, *, face_size: int) -> Sample:
    """The part of the photo around the face, shrunk to a face box of longer side ``face_size`` px at most.

    The part is a square about the center of the box of the points, as far as the photo reaches, cut between
    pixels, so nothing is resampled unless it is shrunk. The image of the result is a copy of its own.
    """
    x0, y0, x1, y1 = (float(v) for v in box_around(sample.points))
    reach = max(x1 - x0, y1 - y0) * _SURROUNDINGS / 2
    height, width = sample.image.shape[:2]
    left, right = _span((x0 + x1) / 2, reach, width)
    top, bottom = _span((y0 + y1) / 2, reach, height)
    points = sample.points - np.array([left, top, 0], dtype=np.float32)
    image, points = shrink_to_face(sample.image[top:bottom, left:right].copy(), points, face_size=face_size)
    return replace(sample, image=image, points=points)


def _span(center: float, reach: float, length: int) -> tuple[int, int]:
    """First pixel and the one after the last; one pixel at least, even for a face outside the photo."""
    first = min(max(0, int(np.floor(center - reach))), length - 1)
    return first, max(first + 1, min(length, int(np.ceil(center + reach)) + 1))
