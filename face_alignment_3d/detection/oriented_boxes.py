"""Boxes turned about their centers: candidates of a search at any angle."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OrientedBoxes:
    """K boxes. Positions are in *edge* coordinates of an image: its top-left pixel spans 0 to 1."""

    centers: _Floats
    """(K, 2): x, y."""
    sides: _Floats
    """(K, 2): width and height of the box when its content stands upright."""
    rolls: _Floats
    """(K,): the lean of the content in radians, clockwise on screen."""

    @classmethod
    def upright(cls, boxes: npt.NDArray[np.floating]) -> "OrientedBoxes":
        """From (K, 4) boxes x0, y0, x1, y1."""
        corners = np.asarray(boxes, dtype=np.float64)
        low, high = corners[:, :2], corners[:, 2:]
        return cls((low + high) / 2, high - low, np.zeros(len(low)))

    def __len__(self) -> int:
        """K."""
        return len(self.rolls)

    def __getitem__(self, which: npt.NDArray[np.generic]) -> "OrientedBoxes":
        """The boxes at these indices, or where this mask is true."""
        return OrientedBoxes(self.centers[which], self.sides[which], self.rolls[which])

    def sizes(self) -> _Floats:
        """(K,): the root of each box's area."""
        return np.asarray(np.sqrt(self.sides.prod(axis=1)))

    def turned(self, roll: float) -> "OrientedBoxes":
        """The same boxes, their content taken to lean by ``roll``."""
        return OrientedBoxes(self.centers, self.sides, np.full(len(self), roll))

    def moved(self, offsets: npt.NDArray[np.floating]) -> "OrientedBoxes":
        """With edges x0, y0, x1, y1 moved by ``offsets`` (K, 4), in widths and heights of the upright box."""
        edges = np.asarray(offsets, dtype=np.float64)
        low, high = edges[:, :2], edges[:, 2:]
        shift = (low + high) / 2 * self.sides
        cosine, sine = np.cos(self.rolls), np.sin(self.rolls)
        in_image = np.stack(
            [cosine * shift[:, 0] - sine * shift[:, 1], sine * shift[:, 0] + cosine * shift[:, 1]], axis=1
        )
        return OrientedBoxes(self.centers + in_image, (1 + high - low) * self.sides, self.rolls)

    def squared(self) -> "OrientedBoxes":
        """The boxes as squares whose side is the longer one."""
        return OrientedBoxes(
            self.centers, np.repeat(self.sides.max(axis=1, keepdims=True, initial=0.0), 2, axis=1), self.rolls
        )

    def around(self) -> _Floats:
        """(K, 4): upright boxes x0, y0, x1, y1 around the same faces.

        Each is the bounding box of the ellipse inside the turned box, since a face is round: the bounding box
        of the turned corners would be half as large again at 45 degrees.
        """
        cosine, sine = np.cos(self.rolls)[:, None], np.sin(self.rolls)[:, None]
        half_x, half_y = self.sides[:, :1] / 2, self.sides[:, 1:] / 2
        half = np.concatenate(
            [np.hypot(half_x * cosine, half_y * sine), np.hypot(half_x * sine, half_y * cosine)], axis=1
        )
        return np.concatenate([self.centers - half, self.centers + half], axis=1)


def joined(boxes: "list[OrientedBoxes]") -> OrientedBoxes:
    """All boxes of a list that is not empty, in order."""
    return OrientedBoxes(
        np.concatenate([each.centers for each in boxes]),
        np.concatenate([each.sides for each in boxes]),
        np.concatenate([each.rolls for each in boxes]),
    )
