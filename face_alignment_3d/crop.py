"""The square window that a network sees, and both directions of the map between it and the image.

Convention: coordinates are pixels and (0, 0) is the *center* of the top-left pixel, in images, crops and
heatmaps alike, so a change of resolution by ``scale`` takes ``x`` to ``(x + 0.5) * scale - 0.5``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import BoxError, ImageError

if TYPE_CHECKING:
    import torch

#: Pixels that may be added to fill up blocks, beside as many as there are.
MOST_FILLING: Final = 1_000_000

_Coordinates = TypeVar("_Coordinates", npt.NDArray[np.float32], npt.NDArray[np.float64], "torch.Tensor")


def rescale(coordinates: _Coordinates, scale: float) -> _Coordinates:
    """Takes pixel coordinates of an image to those of the same image resized by ``scale``."""
    return (coordinates + 0.5) * scale - 0.5


@dataclass(frozen=True)
class Crop:
    """A square of the image, possibly rotated, that is resampled to ``size`` x ``size`` pixels.

    ``center_x``, ``center_y`` and ``side`` are in image pixels. ``angle`` (radians) turns the window
    clockwise as seen on screen, so a face that leans by ``angle`` is upright in the crop.

    Raises :class:`BoxError` for a window without extent or with numbers that are not finite.
    """

    center_x: float
    center_y: float
    side: float
    size: int
    angle: float = 0.0

    def __post_init__(self) -> None:
        finite = math.isfinite(self.center_x + self.center_y + self.side + self.angle)
        if not (finite and self.side > 0 and self.size >= 1):
            raise BoxError(
                "a window on an image must have a finite center and angle, a side above 0 and a size of at "
                f"least 1 pixel; got {self}: check the face's box, x0 < x1 and y0 < y1"
            )

    @property
    def scale(self) -> float:
        """Image pixels per crop pixel."""
        return self.side / self.size

    def _to_image_matrix(self) -> npt.NDArray[np.float64]:
        """(2, 3) affine matrix from crop to image coordinates."""
        return np.array(self._to_image_rows())

    def _to_image_rows(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        # In plain numbers, as is all that sampling does for itself: NumPy takes ten times as long for so few.
        x, y, scale = float(self.center_x), float(self.center_y), float(self.scale)
        cosine, sine = math.cos(self.angle) * scale, math.sin(self.angle) * scale
        middle = (self.size - 1) / 2
        return (
            (cosine, -sine, x - (cosine * middle - sine * middle)),
            (sine, cosine, y - (sine * middle + cosine * middle)),
        )

    def to_image(self, points_crop: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Maps (..., 2) or (..., 3) points from crop to image pixels; z is only scaled, as x and y are."""
        matrix = self._to_image_matrix()
        points = np.asarray(points_crop, dtype=np.float64)
        xy = points[..., :2] @ matrix[:, :2].T + matrix[:, 2]
        return np.concatenate([xy, points[..., 2:] * self.scale], axis=-1)

    def to_crop(self, points_image: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """The inverse of :meth:`to_image`."""
        matrix = self._to_image_matrix()
        points = np.asarray(points_image, dtype=np.float64)
        xy = (points[..., :2] - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
        return np.concatenate([xy, points[..., 2:] / self.scale], axis=-1)

    def sample(
        self, image: npt.NDArray[np.uint8], *, border: int = cv2.BORDER_CONSTANT
    ) -> npt.NDArray[np.uint8]:
        """Resamples an (H, W, 3) uint8 image to (size, size, 3); beyond it black, or as ``border`` says.

        Bilinear; where the crop shrinks the image by 2 or more, blocks of pixels are averaged first, so that
        large faces do not alias. Only the part of the image under the window is touched. Raises
        :class:`ImageError` for another array.
        """
        part, matrix = self.cut(image)
        if border == cv2.BORDER_CONSTANT and self._is_beyond(matrix, part.shape):
            return np.zeros((self.size, self.size, 3), np.uint8)
        sampled = cv2.warpAffine(
            part,
            matrix,
            (self.size, self.size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=border,
        )
        return np.asarray(sampled, dtype=np.uint8)

    def cut(self, image: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64]]:
        """The part of the image that :meth:`sample` interpolates, and the (2, 3) matrix from the crop to it.

        The part (h, w, 3) is a view of the image, or its means over blocks where the crop shrinks it by 2 or
        more.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise ImageError(
                f"crops are taken from (H, W, 3) uint8 RGB arrays; got {image.dtype} {image.shape}: see "
                "face_alignment_3d.images.as_rgb"
            )
        rows = self._to_image_rows()
        height, width = image.shape[:2]
        # No block need be larger than the image, however large the window.
        block = max(1, min(int(self.scale), max(height, width)))
        (x0, x1), (y0, y1) = (
            self._span(row, 2 * block, extent) for row, extent in zip(rows, (width, height), strict=True)
        )
        part = image[y0:y1, x0:x1]
        if block > 1:
            part = block_mean(part, block)
        matrix = [
            (a / block, b / block, (offset - start + 0.5) / block - 0.5)
            for (a, b, offset), start in zip(rows, (x0, y0), strict=True)
        ]
        return part, np.array(matrix)

    def _is_beyond(self, matrix: npt.NDArray[np.float64], shape: Sequence[int]) -> bool:
        """True if no pixel of the crop reaches the part. OpenCV 4's whole numbers overflow far from it."""
        last = self.size - 1
        for (a, b, offset), extent in zip(matrix.tolist(), (shape[1], shape[0]), strict=True):
            low = min(0.0, a * last) + min(0.0, b * last) + offset
            high = max(0.0, a * last) + max(0.0, b * last) + offset
            if high < -1 or low > extent:
                return True
        return False

    def _span(self, row: tuple[float, float, float], margin: int, extent: int) -> tuple[int, int]:
        """The pixels of one axis that the window and a margin cover: start and stop, one at least."""
        a, b, offset = row
        last = self.size - 1
        corners = (offset, a * last + offset, b * last + offset, a * last + b * last + offset)
        start = min(max(math.floor(min(corners)) - margin, 0), extent - 1)
        stop = min(max(math.ceil(max(corners)) + margin + 1, start + 1), extent)
        return start, stop


def is_worth_filling(height: int, width: int, block: int) -> bool:
    """True unless whole blocks of ``block`` x ``block`` pixels have far more pixels than the image."""
    filled = (height + -height % block) * (width + -width % block)
    return filled <= 2 * height * width + MOST_FILLING


def block_mean(image: npt.NDArray[np.uint8], block: int) -> npt.NDArray[np.uint8]:
    """Averages ``block`` x ``block`` pixels; the last, partial blocks are filled up with the edge pixels."""
    height, width = image.shape[:2]
    if not is_worth_filling(height, width, block):
        means: npt.NDArray[np.uint8 | np.float64] = image
        for axis in (1, 0):
            means = _means_along(means, block, axis)
        return np.rint(means).astype(np.uint8)
    pad_y, pad_x = -height % block, -width % block
    if pad_y or pad_x:
        image = cv2.copyMakeBorder(image, 0, pad_y, 0, pad_x, cv2.BORDER_REPLICATE).astype(
            np.uint8, copy=False
        )
    size = (image.shape[1] // block, image.shape[0] // block)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _means_along(
    values: npt.NDArray[np.uint8 | np.float64], block: int, axis: int
) -> npt.NDArray[np.float64]:
    """The means of ``block`` values along an axis; the last values are repeated to fill up the last block."""
    count = values.shape[axis]
    totals = np.add.reduceat(values, np.arange(0, count, block), axis=axis, dtype=np.float64)
    last = np.moveaxis(totals, axis, 0)[-1]
    last += (-count % block) * np.moveaxis(values, axis, 0)[-1].astype(np.float64)
    return np.asarray(totals / block, np.float64)


def crop_around(box: npt.NDArray[np.floating], *, size: int, crop_scale: float, angle: float = 0.0) -> Crop:
    """The square around a face box (x0, y0, x1, y1): same center, its longer side times ``crop_scale``.

    Raises :class:`BoxError` for a box without extent, or whose numbers are not finite.
    """
    x0, y0, x1, y1 = (float(v) for v in box)
    return Crop((x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0) * crop_scale, size, angle)


def to_image_matrices(crops: "Sequence[Crop]") -> npt.NDArray[np.float64]:
    """(B, 2, 3) affine matrices from pixels of B crops to those of their images."""
    return np.array([crop._to_image_rows() for crop in crops]).reshape(-1, 2, 3)


def to_images(crops: "Sequence[Crop]", points_crop: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """:meth:`Crop.to_image` of the points (B, N, 3) of B crops."""
    matrices = to_image_matrices(crops)
    points = np.empty(points_crop.shape)
    np.matmul(points_crop[..., :2], matrices[:, :, :2].transpose(0, 2, 1), out=points[..., :2])
    points[..., :2] += matrices[:, None, :, 2]
    scales = np.array([crop.scale for crop in crops])
    np.multiply(points_crop[..., 2], scales[:, None], out=points[..., 2])
    return points


def box_around(points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """The reference face box: bounding box (x0, y0, x1, y1) of (..., 66, 2 or 3) points, in their pixels."""
    xy = np.asarray(points)[..., :2]
    return np.concatenate([xy.min(axis=-2), xy.max(axis=-2)], axis=-1).astype(np.float32)
