"""Samples that are read when they are drawn, for sets that do not fit into memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

from face_alignment_3d.training.data.datasets.around_face import around_face
from face_alignment_3d.training.data.datasets.protocol import Dataset
from face_alignment_3d.training.data.sample import Sample


@dataclass(frozen=True, eq=False)
class SamplesOnDemand(Sequence[Sample]):
    """A data set as a sequence of samples, each cut down to its face and shrunk whenever it is asked for.

    Nothing is kept; ``list(samples)`` reads a set once and for all. Reading is safe from several threads.
    """

    dataset: Dataset
    face_size: int
    """The face box's longer side in pixels, at most."""

    def __len__(self) -> int:
        return len(self.dataset)

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Sample]: ...

    def __getitem__(self, index: int | slice) -> Sample | Sequence[Sample]:
        """One sample, or a list of those in a slice. Raises DataError or ImageError, which name the file."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"expected an index below {len(self)}; got {index}")
        return around_face(self.dataset.sample(index % len(self)), face_size=self.face_size)
