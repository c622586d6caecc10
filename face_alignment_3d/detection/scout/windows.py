"""The parts of a photo to search finely: windows around suspected faces."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.oriented_boxes import OrientedBoxes

#: Sides of a window, in pixels of the fine search: 2.5 times the largest face that is suspected at 256 pixels
#: and searched again at 640. On held-out photos 128 lose faces, and 192 find no more.
_SIDE: Final = 160
#: A face lies well in a window when the box around it, times this about its center, lies in it.
_CONTEXT: Final = 2.0
#: Windows of together more than this part of the photo take about as long as all of it.
_MOST: Final = 0.5


@dataclass(frozen=True)
class Window:
    """A rectangle of a photo, in whole pixels."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def whole(cls, photo: Sequence[int]) -> "Window":
        """All of a photo of shape (height, width, ...)."""
        return cls(0, 0, photo[1], photo[0])

    def is_whole(self, photo: Sequence[int]) -> bool:
        """True for :meth:`whole` of that photo."""
        return self == Window.whole(photo)

    def of(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The part of the image (H, W, 3), not copied."""
        return image[self.y : self.y + self.height, self.x : self.x + self.width]

    def holds(self, boxes: npt.NDArray[np.float64], photo: Sequence[int]) -> npt.NDArray[np.bool_]:
        """True for boxes (K, 4), in the photo's edge coordinates, that this window does not cut.

        What the photo, of shape (height, width, ...), cuts itself does not count.
        """
        low = [self.x if self.x > 0 else -np.inf, self.y if self.y > 0 else -np.inf]
        right, bottom = self.x + self.width, self.y + self.height
        high = [right if right < photo[1] else np.inf, bottom if bottom < photo[0] else np.inf]
        inside = (boxes[:, :2] >= low) & (boxes[:, 2:] <= high)
        return np.asarray(inside.all(axis=1))


def windows_around(boxes: OrientedBoxes, photo: Sequence[int], scale: float) -> list[Window] | None:
    """Windows that hold all boxes, surest first, with room around each; all are of one size.

    ``boxes`` are in pixels of a photo of shape (height, width, ...), which is searched at ``scale``. None
    where a window would cut a face, or where all of them take longer than the whole photo.
    """
    height, width = photo[:2]
    side = round(_SIDE / scale)
    across, down = min(side, width), min(side, height)
    around = boxes.around()
    half = _CONTEXT / 2 * (around[:, 2:] - around[:, :2])
    roomy = np.concatenate([boxes.centers - half, boxes.centers + half], axis=1)
    windows: list[Window] = []
    for (x, y), box in zip(boxes.centers, roomy, strict=True):
        if any(window.holds(box[None], photo)[0] for window in windows):
            continue
        window = Window(
            round(min(max(x - across / 2, 0), width - across)),
            round(min(max(y - down / 2, 0), height - down)),
            across,
            down,
        )
        if not window.holds(box[None], photo)[0]:
            return None
        windows.append(window)
        if len(windows) * across * down > _MOST * width * height:
            return None
    return windows
