"""Views of faces: crops for the network that are made on request, and the faces from its results."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from face_alignment_3d.backends.protocol import CascadeOutput
from face_alignment_3d.boxes import FaceBox
from face_alignment_3d.crop import Crop, crop_around
from face_alignment_3d.face import Face3D
from face_alignment_3d.networks.geometry import CascadeGeometry


class FaceView(NamedTuple):
    """A face of a photo, to be cropped."""

    face: FaceBox
    crop: Crop
    image_size: tuple[int, int]
    """(height, width) of the photo."""
    pixels: Callable[[], npt.NDArray[np.uint8]]
    """Makes the crop, RGB (S, S, 3). Until then the view keeps the photo in memory."""

    def sampled(self) -> "FaceView":
        """This view with its crop made now, so that it no longer needs the photo."""
        pixels = self.pixels()
        return self._replace(pixels=lambda: pixels)


def face_views(
    image_rgb: npt.NDArray[np.uint8], faces: Iterable[FaceBox], geometry: CascadeGeometry
) -> list[FaceView]:
    """The ``faces`` of an image (H, W, 3) as views for a cascade of that ``geometry``."""
    views = []
    for face in faces:
        crop = crop_around(
            face.box, size=geometry.input_size, crop_scale=geometry.crop_scale, angle=face.roll
        )
        views.append(FaceView(face, crop, image_rgb.shape[:2], partial(crop.sample, image_rgb)))
    return views


class FaceViewCrops:
    """The crops of a batch of views (:class:`face_alignment_3d.backends.protocol.Crops`)."""

    def __init__(self, views: Sequence[FaceView]) -> None:
        self._views = views

    def __len__(self) -> int:
        return len(self._views)

    def __getitem__(self, part: slice, /) -> npt.NDArray[np.uint8]:
        """(b, S, S, 3), each crop made in the caller's thread."""
        return np.stack([view.pixels() for view in self._views[part]])


def faces_of(views: Sequence[FaceView], output: CascadeOutput) -> list[Face3D]:
    """The faces of ``views``, from the cascade's results for their crops, in pixels of their photos."""
    visibility = [None] * len(views) if output.visibility is None else output.visibility
    return [
        Face3D(
            view.crop.to_image(points).astype(np.float32),
            confidence,
            view.face.box,
            view.face.score,
            visibility=visible,
            image_size=view.image_size,
        )
        for view, points, confidence, visible in zip(
            views, output.points, output.confidence, visibility, strict=True
        )
    ]
