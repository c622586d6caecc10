"""A picture of many faces with their landmarks, for inspection."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around, crop_around
from face_alignment_3d.draw import draw_landmarks
from face_alignment_3d.face import Face3D

_CAPTION_HEIGHT: Final = 20
_MARGIN: Final = 1.25
_BACKGROUND: Final = 24
_CAPTION: Final = (235, 235, 235)
_LABEL: Final = (90, 255, 130)
_LABEL_RIM: Final = (10, 30, 15)


@dataclass(frozen=True, eq=False)
class Tile:
    """One face of a contact sheet."""

    image: npt.NDArray[np.uint8]
    """(H, W, 3) RGB."""
    face: Face3D | None
    """The aligner's result, in pixels of ``image``; None when it found nothing."""
    labels: npt.NDArray[np.floating]
    """(66, 2) hand-made points, in the same pixels; they decide which part of the image is shown."""
    caption: str
    """ASCII."""


def contact_sheet(tiles: Sequence[Tile], *, columns: int = 8, size: int = 220) -> npt.NDArray[np.uint8]:
    """An RGB picture (rows * (size + 20), columns * size, 3) uint8 of the tiles, row by row.

    Landmarks are drawn as :func:`face_alignment_3d.draw.draw_landmarks` does, hand-made points as green dots.
    ``size`` is a tile's width in pixels. Raises ValueError when there is no tile.
    """
    if not tiles:
        raise ValueError("expected at least one tile; got none")
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    height = size + _CAPTION_HEIGHT
    sheet = np.full((rows * height, columns * size, 3), _BACKGROUND, np.uint8)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        place = sheet[row * height : (row + 1) * height, column * size : (column + 1) * size]
        place[:size] = _drawn(tile, size)
        cv2.putText(
            place, tile.caption, (4, size + 14), cv2.FONT_HERSHEY_SIMPLEX, 0.37, _CAPTION, 1, cv2.LINE_AA
        )
    return sheet


def labelled_tile(
    image: npt.NDArray[np.uint8],
    points: npt.NDArray[np.float32],
    caption: str,
    *,
    dots: npt.NDArray[np.floating] | None = None,
) -> Tile:
    """A tile of labels: lines between ``points`` (66, 3), and ``dots`` (66, 2), by default there too."""
    face = Face3D(points, np.ones(len(points), dtype=np.float32), box_around(points), 1.0)
    return Tile(image, face, points[:, :2] if dots is None else dots, caption)


def _drawn(tile: Tile, size: int) -> npt.NDArray[np.uint8]:
    crop = crop_around(box_around(tile.labels), size=size, crop_scale=_MARGIN)
    picture = crop.sample(tile.image)
    if tile.face is not None:
        landmarks = crop.to_crop(tile.face.landmarks).astype(np.float32)
        corners = crop.to_crop(tile.face.box.reshape(2, 2)).astype(np.float32)
        picture = draw_landmarks(picture, [replace(tile.face, landmarks=landmarks, box=corners.reshape(4))])
    for x, y in crop.to_crop(tile.labels):
        center = (round(16 * float(x)), round(16 * float(y)))
        cv2.circle(picture, center, 26, _LABEL_RIM, cv2.FILLED, cv2.LINE_AA, 4)
        cv2.circle(picture, center, 18, _LABEL, cv2.FILLED, cv2.LINE_AA, 4)
    return picture
