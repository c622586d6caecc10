"""Faces as the network is to see them, made into pixels when it takes them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import Crop


class FaceView(NamedTuple):
    """A face of a photo, to be cropped."""

    crop: Crop
    box: npt.NDArray[np.float32]
    """(4,): x0, y0, x1, y1 in the photo."""
    score: float | None
    """The detector's, None for a box that was given."""
    pixels: Callable[[], npt.NDArray[np.uint8]]
    """Makes the crop, RGB (S, S, 3). Until then the view keeps the photo in memory."""

    @classmethod
    def of(
        cls, image_rgb: npt.NDArray[np.uint8], crop: Crop, box: npt.NDArray[np.float32], score: float | None
    ) -> "FaceView":
        """The view of ``crop`` in ``image_rgb`` (H, W, 3)."""
        return cls(crop, box, score, partial(crop.sample, image_rgb))

    def sampled(self) -> "FaceView":
        """This view with its crop made now, so that it no longer needs the photo."""
        pixels = self.pixels()
        return self._replace(pixels=lambda: pixels)


class FaceViewCrops:
    """The crops of a batch of views (:class:`face_alignment_3d.backends.protocol.Crops`)."""

    def __init__(self, views: Sequence[FaceView]) -> None:
        self._views = views

    def __len__(self) -> int:
        return len(self._views)

    def __getitem__(self, part: slice, /) -> npt.NDArray[np.uint8]:
        """(b, S, S, 3), each crop made in the caller's thread."""
        return np.stack([view.pixels() for view in self._views[part]])
