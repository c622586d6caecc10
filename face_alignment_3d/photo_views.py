"""From photos to the faces that the network is to see in them: reading, and boxes, given or detected."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from face_alignment_3d.boxes import BoxesLike, FaceBox, detected_boxes, given_boxes
from face_alignment_3d.detection.protocol import FaceDetector
from face_alignment_3d.face_views import FaceView, face_views
from face_alignment_3d.image_batches import naming_image
from face_alignment_3d.images import ColorOrder, ImageLike, as_rgb
from face_alignment_3d.lazy import beside_fork
from face_alignment_3d.networks.geometry import CascadeGeometry

#: Pixels of decoded photos that may wait to be given to a detector together; of large photos it gets fewer.
MOST_PIXELS: Final = 32_000_000

#: A photo and its boxes; None lets the detector find the faces.
Task: TypeAlias = tuple[ImageLike, BoxesLike | None]


class _Photo(NamedTuple):
    image_rgb: npt.NDArray[np.uint8]
    faces: list[FaceBox] | None
    """None while the detector has not been asked."""
    kept: bool
    """Whether the pixels are the caller's own, which are in memory anyhow."""


@dataclass(frozen=True)
class PhotoViews:
    """Makes the views of the faces in photos."""

    detector: Callable[[], FaceDetector]
    """Called when boxes are to be found."""
    geometry: Callable[[], CascadeGeometry]
    """Called when there is a face."""
    color: ColorOrder

    def of(self, photos: Iterable[Task], *, keep: bool) -> list[list[FaceView] | Exception]:
        """The views of each photo, or the exception with which it failed.

        The detector gets all photos that need it together, up to :data:`MOST_PIXELS`. Crops are made at once,
        so that no view holds on to a photo; with ``keep``, views of an array of the caller's refer to it.
        """
        results: list[list[FaceView] | Exception] = []
        group: list[_Photo | Exception] = []
        waiting = 0
        for image, boxes in photos:
            photo = self._read(image, boxes)
            group.append(photo)
            if isinstance(photo, _Photo) and photo.faces is None:
                waiting += photo.image_rgb.shape[0] * photo.image_rgb.shape[1]
            del photo
            if waiting >= MOST_PIXELS:
                results += self._views(group, keep)
                group, waiting = [], 0
        return results + self._views(group, keep)

    def in_turn(self, photos: Iterable[Task], *, keep: bool, together: int) -> Iterator[list[FaceView]]:
        """The views of photo after photo, which are read and searched ``together`` at a time.

        Raises what a photo failed with, naming it by its index.
        """
        remaining = iter(photos)
        index = 0
        while group := list(islice(remaining, together)):
            for result in self.of(group, keep=keep):
                with naming_image(index):
                    views = views_or_raise(result)
                yield views
                index += 1

    def _read(self, image: ImageLike, boxes: BoxesLike | None) -> _Photo | Exception:
        try:
            image_rgb = as_rgb(image, color=self.color)
            faces = None if boxes is None else given_boxes(boxes)
        except Exception as error:
            return error
        kept = isinstance(image, np.ndarray) and np.may_share_memory(image, image_rgb)
        return _Photo(image_rgb, faces, kept)

    def _views(self, group: list[_Photo | Exception], keep: bool) -> list[list[FaceView] | Exception]:
        searched = [each.image_rgb for each in group if isinstance(each, _Photo) and each.faces is None]
        found = iter(self._found(searched) if searched else [])
        results: list[list[FaceView] | Exception] = []
        for photo in group:
            if isinstance(photo, Exception):
                results.append(photo)
                continue
            faces = next(found) if photo.faces is None else photo.faces
            if isinstance(faces, Exception):
                results.append(faces)
                continue
            views = face_views(photo.image_rgb, faces, self.geometry()) if faces else []
            results.append(views if keep and photo.kept else [view.sampled() for view in views])
        return results

    def _found(self, images_rgb: list[npt.NDArray[np.uint8]]) -> list[list[FaceBox] | Exception]:
        detector = self.detector()
        return beside_fork(lambda: detected_boxes(detector, images_rgb))


def views_or_raise(result: list[FaceView] | Exception) -> list[FaceView]:
    """The views of one photo. Raises what it failed with."""
    if isinstance(result, Exception):
        try:
            raise result
        finally:
            del result  # Else the exception and this frame would hold each other, and the photo.
    return result
