"""A perfect network for photos that tell where each of their pixels lies."""

import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.oriented_boxes import OrientedBoxes
from tests.detection.scout.said_faces import said

_STEP = 200.0


def telling_photo(height: int, width: int) -> npt.NDArray[np.uint8]:
    """(H, W, 3): red grows from left to right, green from top to bottom, blue is full."""
    photo = np.full((height, width, 3), 255, np.uint8)
    photo[..., 0] = np.rint(_STEP * (np.arange(width) + 0.5) / width)
    photo[..., 1] = np.rint(_STEP * (np.arange(height) + 0.5) / height)[:, None]
    return photo


class KnowingNetwork:
    """Says where the faces are, as a perfect network that sees faces from ``least`` pixels on."""

    def __init__(
        self,
        boxes: OrientedBoxes,
        photo: tuple[int, int],
        *,
        least: float,
        logit: float = 3.0,
        logits: npt.NDArray[np.float64] | None = None,
    ) -> None:
        self.boxes, self.photo, self.least = boxes, photo, least
        self.logits = np.full(len(boxes), logit) if logits is None else logits
        self.seen: list[tuple[int, ...]] = []

    def run(self, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        self.seen.append(pictures.shape)
        return np.stack([self._one(picture) for picture in pictures])

    def _one(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        height, width, _ = picture.shape
        x = _place(picture[0, picture[0, :, 2] > 0, 0], self.photo[1])
        y = _place(picture[picture[:, 0, 2] > 0, 0, 1], self.photo[0])
        scale, origin = np.array([x[0], y[0]]), np.array([x[1], y[1]])
        sides = self.boxes.sides * np.sqrt(scale.prod())
        centers = (self.boxes.centers - origin) * scale
        here = (np.sqrt(sides.prod(axis=1)) >= self.least) & (centers > 0).all(axis=1)
        here &= (centers < [width, height]).all(axis=1)
        scaled = OrientedBoxes(centers, sides, self.boxes.rolls)[here]
        return said(scaled, height, width, logits=self.logits[here].tolist())


def _place(colors: npt.NDArray[np.uint8], side: int) -> tuple[float, float]:
    """Pixels of the picture for each of the photo, and where the picture begins in the photo.

    Colors are whole numbers, but so are the first pixel and the number of pixels of the photo that are shown.
    """
    slope, start = np.polyfit(np.arange(len(colors)) + 0.5, colors / _STEP * side, 1)
    shown = round(slope * len(colors))
    return (len(colors) / side, 0) if abs(shown - side) < 0.01 * side else (len(colors) / shown, round(start))
