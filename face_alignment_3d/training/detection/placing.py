"""Photos scaled, turned, mirrored and shifted into a picture, with their faces."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.oriented_boxes import OrientedBoxes
from face_alignment_3d.training.detection.photos import Pixels, SceneFaces

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Placing:
    """A similarity from a photo to a picture, both in edge coordinates: mirror, turn, scale, shift."""

    scale: float
    """Picture pixels per photo pixel."""
    angle: float
    """Radians, clockwise on screen."""
    mirrored: bool
    origin: tuple[float, float]
    """The center of the turn, in the photo."""
    target: tuple[float, float]
    """The place of that point in the picture."""

    def matrix(self) -> _Floats:
        """(2, 3), from photo to picture."""
        cosine, sine = np.cos(self.angle) * self.scale, np.sin(self.angle) * self.scale
        turn = np.array([[cosine, -sine], [sine, cosine]])
        if self.mirrored:
            turn = turn @ np.diag([-1.0, 1.0])
        return np.concatenate([turn, (np.array(self.target) - turn @ self.origin)[:, None]], axis=1)

    def boxes(self, boxes: OrientedBoxes) -> OrientedBoxes:
        """Boxes of the photo, in the picture."""
        matrix = self.matrix()
        rolls = (-boxes.rolls if self.mirrored else boxes.rolls) + self.angle
        return OrientedBoxes(
            boxes.centers @ matrix[:, :2].T + matrix[:, 2], boxes.sides * self.scale, np.asarray(rolls)
        )

    def faces(self, faces: SceneFaces) -> SceneFaces:
        """Faces of the photo, in the picture."""
        return SceneFaces(self.boxes(faces.boxes), faces.roll_weights, faces.weights)

    def pixels(
        self, image: Pixels, size: int, *, border: int, value: tuple[int, int, int] = (0, 0, 0)
    ) -> Pixels:
        """The picture (size, size, 3); beyond the photo what OpenCV's ``border`` says, or ``value``.

        Bilinear, after averaging blocks of pixels where the photo is shrunk to less than a half.
        """
        matrix = self.matrix()
        block = max(1, round(1 / max(self.scale, 1e-6)) if self.scale < 0.67 else 1)
        if block > 1:
            height, width = image.shape[0] // block, image.shape[1] // block
            if min(height, width) >= 1:
                whole = image[: height * block, : width * block]
                image = np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
                matrix = matrix @ np.diag([block, block, 1.0])
        # From edge coordinates to those in which (0, 0) is the center of the first pixel.
        matrix[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
        return np.asarray(
            cv2.warpAffine(
                image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=border, borderValue=value
            ),
            dtype=np.uint8,
        )
