"""Views of faces: crops for the network that are made on request, and the faces from its results."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from face_alignment_3d.backends.protocol import CascadeOutput, CropSource
from face_alignment_3d.boxes import FaceBox
from face_alignment_3d.crop import Crop, crop_around, to_images
from face_alignment_3d.face import Face3D
from face_alignment_3d.networks.geometry import CascadeGeometry


class FaceView(NamedTuple):
    """A face of a photo, to be cropped."""

    face: FaceBox
    crop: Crop
    image_size: tuple[int, int]
    """(height, width) of the photo."""
    source: CropSource
    """The photo and ``crop``, which keeps the photo in memory; or the crop, made already."""

    def pixels(self) -> npt.NDArray[np.uint8]:
        """The crop, RGB (S, S, 3)."""
        return self.crop.sample(self.source.photo) if self.source.crop is self.crop else self.source.photo

    def sampled(self) -> "FaceView":
        """This view with its crop made now, so that it no longer needs the photo."""
        size = self.crop.size
        middle = (size - 1) / 2
        return self._replace(source=CropSource(self.pixels(), Crop(middle, middle, size, size)))


def face_views(
    image_rgb: npt.NDArray[np.uint8], faces: Iterable[FaceBox], geometry: CascadeGeometry
) -> list[FaceView]:
    """The ``faces`` of an image (H, W, 3) as views for a cascade of that ``geometry``."""
    size, scale, image_size = geometry.input_size, geometry.crop_scale, image_rgb.shape[:2]
    crops = ((face, crop_around(face.box, size=size, crop_scale=scale, angle=face.roll)) for face in faces)
    return [FaceView(face, crop, image_size, CropSource(image_rgb, crop)) for face, crop in crops]


class FaceViewCrops:
    """The crops of a batch of views (:class:`face_alignment_3d.backends.protocol.SourcedCrops`)."""

    def __init__(self, views: Sequence[FaceView]) -> None:
        self._views = views

    def __len__(self) -> int:
        return len(self._views)

    def __getitem__(self, part: slice, /) -> npt.NDArray[np.uint8]:
        """(b, S, S, 3), each crop made in the caller's thread."""
        return np.stack([view.pixels() for view in self._views[part]])

    @property
    def sources(self) -> list[CropSource]:
        """(B,), for a backend that makes the crops itself."""
        return [view.source for view in self._views]


def faces_of(views: Sequence[FaceView], output: CascadeOutput) -> list[Face3D]:
    """The faces of ``views``, from the cascade's results for their crops, in pixels of their photos."""
    landmarks = to_images([view.crop for view in views], output.points).astype(np.float32)
    visibility = [None] * len(views) if output.visibility is None else output.visibility
    return [
        Face3D(points, sure, view.face.box, view.face.score, visibility=visible, image_size=view.image_size)
        for view, points, sure, visible in zip(views, landmarks, output.confidence, visibility, strict=True)
    ]
