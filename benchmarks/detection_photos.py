"""The photos that detection is measured on, each with its faces."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from face_alignment_3d.crop import Crop, box_around, rescale
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.datasets.face_sets import HAND_LABELLED
from face_alignment_3d.training.data.datasets.photos68 import open_photos68
from face_alignment_3d.training.detection.labelling import everyday_photos

_EVERY: Final = 12

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Portrait:
    """A photo with one labelled face."""

    image: Pixels
    points: Points
    """(66, 2)."""
    side: float
    """Root of the area of the box around the upright face's points, in pixels."""


def _portrait(image: Pixels, points: Points) -> Portrait:
    box = box_around(points)
    return Portrait(image, points, math.sqrt(float((box[2] - box[0]) * (box[3] - box[1]))))


def portraits(data: Path, count: int) -> list[Portrait]:
    """At most ``count`` of every twelfth photo of HELEN and LFPW train, spread evenly."""
    chosen = []
    for name in HAND_LABELLED:
        photos = open_photos68(data, name)
        chosen += [(photos, index) for index in range(0, len(photos.names), _EVERY)]
    step = max(1, len(chosen) // count)
    return [_portrait(p.image(i), p.points68[i][FROM_68]) for p, i in chosen[::step][:count]]


def turned(portrait: Portrait, degrees: float) -> Portrait:
    """The whole photo turned, on a canvas as large as its longer side."""
    height, width = portrait.image.shape[:2]
    side = max(height, width)
    window = Crop((width - 1) / 2, (height - 1) / 2, side, side, -math.radians(degrees))
    points = window.to_crop(portrait.points)
    return Portrait(window.sample(portrait.image), points, portrait.side / window.scale)


def sized(portrait: Portrait, pixels: float, canvas: int = 640) -> Portrait:
    """The photo with a face of this many pixels, in the middle of a grey canvas."""
    scale = pixels / portrait.side
    small = cv2.resize(portrait.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    height, width = small.shape[:2]
    side = max(canvas, height, width)
    y, x = (side - height) // 2, (side - width) // 2
    image = np.full((side, side, 3), 128, np.uint8)
    image[y : y + height, x : x + width] = small
    return Portrait(image, rescale(portrait.points, scale) + np.array([x, y]), pixels)


def cut(portrait: Portrait, share: float, edge: int) -> Portrait:
    """Without what lies beyond ``share`` of the face's box from its edge x0, y0, x1 or y1 (0 to 3)."""
    x0, y0, x1, y1 = box_around(portrait.points).tolist()
    image, points = portrait.image, portrait.points
    if edge == 0:
        start = max(0, round(x0 + share * (x1 - x0)))
        return Portrait(image[:, start:], points - np.array([start, 0]), portrait.side)
    if edge == 1:
        start = max(0, round(y0 + share * (y1 - y0)))
        return Portrait(image[start:], points - np.array([0, start]), portrait.side)
    if edge == 2:
        return Portrait(image[:, : round(x1 - share * (x1 - x0))], points, portrait.side)
    return Portrait(image[: round(y1 - share * (y1 - y0))], points, portrait.side)


def by_yaw(data: Path, count: int) -> Iterator[tuple[str, Portrait]]:
    """At most ``count`` of the AFLW2000-3D development photos of each range of yaw, with the set's points."""
    labels = np.load(data / "aflw2000_dev.npz")
    yaw = np.abs(labels["pose"][:, 0])
    for low, high in ((0, 30), (30, 60), (60, 91)):
        members = np.flatnonzero((yaw >= low) & (yaw < high))
        for index in members[:: max(1, len(members) // count)][:count].tolist():
            file = next((data / "aflw2000_dev").glob(f"{labels['names'][index]}.*"))
            points = labels["points68"][index][FROM_68][:, :2].astype(np.float64)
            yield f"{low}-{min(high, 90)}", _portrait(_read(file), points)


def without_people(data: Path, count: int) -> Iterator[tuple[str, Pixels]]:
    """At most ``count`` everyday photos without people."""
    files = everyday_photos(data)
    for file in files[:: max(1, len(files) // count)][:count]:
        yield file.name, _read(file)


def _read(file: Path) -> Pixels:
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))
