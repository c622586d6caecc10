"""From photos to views of their faces: reading, and boxes, given or detected."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeAlias

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

#: Bytes of crops that are made at once, even where the photo has fewer.
_MOST_CROPS: Final = 1 << 26

#: A photo and its boxes; None lets the detector find the faces.
Task: TypeAlias = tuple[ImageLike, BoxesLike | None]


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
        so that no view holds on to a photo; with ``keep``, views of an array of the caller's refer to it, and
        those of thousands of faces, whose crops would take more memory, to a copy.
        """
        results: list[list[FaceView] | Exception] = []
        waiting: list[tuple[int, npt.NDArray[np.uint8], bool]] = []
        pixels = 0
        for image, boxes in photos:
            try:
                image_rgb = as_rgb(image, color=self.color)
                faces = None if boxes is None else given_boxes(boxes)
            except Exception as error:
                results.append(error)
                continue
            kept = keep and isinstance(image, np.ndarray) and np.may_share_memory(image, image_rgb)
            if faces is not None:
                results.append(self._views(image_rgb, faces, kept))
                continue
            waiting.append((len(results), image_rgb, kept))
            results.append([])
            pixels += image_rgb.shape[0] * image_rgb.shape[1]
            if pixels >= MOST_PIXELS:
                self._search(waiting, results)
                waiting, pixels = [], 0
        if waiting:
            self._search(waiting, results)
        return results

    def in_turn(self, photos: Iterable[Task], *, keep: bool, together: int) -> Iterator[list[FaceView]]:
        """The views of photo after photo, which are read and searched ``together`` at a time.

        Raises what a photo failed with, naming it by its index.
        """
        remaining = iter(photos)
        index = 0
        while group := list(islice(remaining, together)):
            results = deque(self.of(group, keep=keep))
            while results:
                with naming_image(index):
                    yield views_or_raise(results.popleft())  # Not to be kept here while the next are made.
                index += 1

    def _search(
        self,
        waiting: list[tuple[int, npt.NDArray[np.uint8], bool]],
        results: list[list[FaceView] | Exception],
    ) -> None:
        """Puts the views of the detector's faces in photos into their places in ``results``."""
        detector = self.detector()
        images_rgb = [image_rgb for _, image_rgb, _ in waiting]
        found = beside_fork(lambda: detected_boxes(detector, images_rgb))
        for (index, image_rgb, kept), faces in zip(waiting, found, strict=True):
            results[index] = faces if isinstance(faces, Exception) else self._views(image_rgb, faces, kept)

    def _views(self, image_rgb: npt.NDArray[np.uint8], faces: list[FaceBox], kept: bool) -> list[FaceView]:
        if not faces:
            return []
        geometry = self.geometry()
        if kept:
            return face_views(image_rgb, faces, geometry)
        crops = 3 * geometry.input_size**2 * len(faces)
        if crops > max(_MOST_CROPS, image_rgb.nbytes):
            return face_views(image_rgb.copy(), faces, geometry)  # It may be the caller's, who may change it.
        return [view.sampled() for view in face_views(image_rgb, faces, geometry)]


def views_or_raise(result: list[FaceView] | Exception) -> list[FaceView]:
    """The views of one photo. Raises what it failed with."""
    if isinstance(result, Exception):
        try:
            raise result
        finally:
            del result  # Else the exception and this frame would hold each other, and the photo.
    return result
