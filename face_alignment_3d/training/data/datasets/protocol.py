"""The interface of all data sets for training."""

from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from face_alignment_3d.training.data.sample import Sample


class Dataset(Protocol):
    """The index of a set of labelled photos. It holds names, no pixels; a photo is read when it is asked for.

    Everything it yields is in the library's frame. Its methods may be called from several threads.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """One name a face, in a fixed order: the photo's path without suffix, below the set's folder."""
        ...

    def __len__(self) -> int:
        """The number of faces."""
        ...

    @property
    def first_line(self) -> int | None:
        """The line of a label file that has the first point; None for files without lines."""
        ...

    def files(self, index: int) -> tuple[Path, ...]:
        """The files of face ``index``: that of its points first, the photo last."""
        ...

    def points(self, index: int) -> npt.NDArray[np.floating]:
        """The points of face ``index`` that its files have: (P, 2 or 3) in pixels of the photo."""
        ...

    def image(self, index: int) -> npt.NDArray[np.uint8]:
        """The photo of face ``index``: (H, W, 3) RGB. Raises ImageError, which names the file."""
        ...

    def sample(self, index: int) -> Sample:
        """Face ``index``, labelled, in pixels of the whole photo.

        Raises DataError or ImageError, which name the file.
        """
        ...
