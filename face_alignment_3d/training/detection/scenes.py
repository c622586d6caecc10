"""Pictures to train the scout on: parts of real scenes, turned portraits, faces pasted anywhere, and none."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.overlap import intersection_over_smaller
from face_alignment_3d.training.detection.photos import (
    LabelledPhoto,
    Pixels,
    SceneFaces,
    ScenePhotos,
    joined_faces,
)
from face_alignment_3d.training.detection.placing import Placing

_Generator = np.random.Generator


@dataclass(frozen=True)
class SceneShares:
    """The part of the pictures that is of each kind; the rest has no faces."""

    scenes: float = 0.40
    portraits: float = 0.14
    cutouts: float = 0.16
    """Tight photos of one face, enlarged: the only large heads in profile."""
    pasted: float = 0.20


#: Root of the area of a face's box, in pixels of the picture: the range that faces are scaled to.
_SCENE_SIZES: Final = (7.0, 150.0)
_PORTRAIT_SIZES: Final = (18.0, 230.0)
_CUTOUT_SIZES: Final = (24.0, 170.0)
_PASTED_SIZES: Final = (10.0, 120.0)
#: A face of a photo is enlarged at most so many times, and that of a tight photo.
_MOST_ENLARGED: Final = 1.6
_CUTOUT_ENLARGED: Final = 2.6
#: Smaller faces of a picture are neither learned nor denied.
_LEAST: Final = 5.0
#: Share of a face that must lie in the picture for it to be learned; and for it not to be denied.
_LEARNED, _VISIBLE = 0.55, 0.1
_MOST_PASTED: Final = 4
#: Share of the pictures that show another photo, in place of black, beyond theirs.
_FILLED: Final = 0.6


def sample_scene(
    photos: ScenePhotos, shares: SceneShares, size: int, generator: _Generator
) -> tuple[Pixels, SceneFaces]:
    """One picture (size, size, 3) and its faces."""
    kind = generator.random()
    around = _any(photos.backgrounds, generator)
    if kind < shares.scenes:
        picture, faces = _part(_any(photos.scenes, generator), _SCENE_SIZES, 0.2, around, size, generator)
    elif kind < shares.scenes + shares.portraits:
        picture, faces = _part(
            _any(photos.portraits, generator), _PORTRAIT_SIZES, 0.55, around, size, generator
        )
    elif kind < shares.scenes + shares.portraits + shares.cutouts:
        photo = _any(photos.cutouts, generator)
        picture, faces = _part(
            photo, _CUTOUT_SIZES, 0.5, around, size, generator, most_enlarged=_CUTOUT_ENLARGED
        )
    else:
        picture, faces = _part(
            _any(photos.backgrounds, generator), _SCENE_SIZES, 0.3, around, size, generator
        )
        if kind < shares.scenes + shares.portraits + shares.cutouts + shares.pasted:
            picture, faces = _with_pasted(picture, photos, generator)
    return picture, _seen(faces, size)


def _any(photos: Sequence[LabelledPhoto], generator: _Generator) -> LabelledPhoto:
    return photos[int(generator.integers(len(photos)))]


def _part(
    photo: LabelledPhoto,
    sizes: tuple[float, float],
    turned_share: float,
    around: LabelledPhoto,
    size: int,
    generator: _Generator,
    *,
    most_enlarged: float = _MOST_ENLARGED,
) -> tuple[Pixels, SceneFaces]:
    """The whole photo, or the part around one of its faces.

    Beyond it there is black, or a part of ``around``, which has no faces.
    """
    height, width = photo.image.shape[:2]
    angle = _angle(turned_share, generator)
    learned = np.flatnonzero(photo.faces.weights > 0)
    if generator.random() < 0.3 or not len(learned):
        # As it is searched: the longer side fills the picture, or nearly; else a part.
        fitted = size / max(height, width)
        zoom = 1.0 if generator.random() < 0.5 else generator.uniform(0.8, 2.5)
        scale = min(fitted * zoom, most_enlarged)
        origin = (width / 2, height / 2)
        slack = np.abs(size - scale * np.array([width, height])) / 2
        shift = generator.uniform(-slack, slack)
        target = (size / 2 + shift[0], size / 2 + shift[1])
    else:
        face = int(generator.choice(learned))
        own = float(photo.faces.boxes.sizes()[face])
        wanted = math.exp(generator.uniform(*np.log(sizes)))
        scale = min(wanted / own, most_enlarged)
        x, y = photo.faces.boxes.centers[face].tolist()
        origin = (x, y)
        target = tuple(generator.uniform(0.04 * size, 0.96 * size, 2).tolist())
    placing = Placing(scale, angle, bool(generator.random() < 0.5), origin, target)
    picture = placing.pixels(photo.image, size, border=cv2.BORDER_CONSTANT)
    if generator.random() < _FILLED:
        picture = _filled(picture, photo, placing, around, generator)
    return picture, placing.faces(photo.faces)


def _filled(
    picture: Pixels, photo: LabelledPhoto, placing: Placing, around: LabelledPhoto, generator: _Generator
) -> Pixels:
    """The picture with a part of another photo where it lies beyond its own."""
    size = len(picture)
    height, width = photo.image.shape[:2]
    corners = np.array([[0.0, 0.0], [width, 0], [width, height], [0, height]])
    matrix = placing.matrix()
    outline = corners @ matrix[:, :2].T + matrix[:, 2] - 0.5
    inside = cv2.fillConvexPoly(np.zeros((size, size), np.uint8), np.rint(outline).astype(np.int32), 1)
    if inside.all():
        return picture
    height, width = around.image.shape[:2]
    scale = size / min(height, width) * generator.uniform(1.0, 1.5)
    backdrop = Placing(
        scale,
        0.0,
        False,
        (generator.uniform(0, width - size / scale), generator.uniform(0, height - size / scale)),
        (0, 0),
    ).pixels(around.image, size, border=cv2.BORDER_REPLICATE)
    return np.where(inside[..., None] > 0, picture, backdrop)


def _angle(turned_share: float, generator: _Generator) -> float:
    """A random angle in radians: mostly small, else anything."""
    if generator.random() < turned_share:
        return float(generator.uniform(-math.pi, math.pi))
    return float(generator.normal(0, math.radians(10)))


def _with_pasted(picture: Pixels, photos: ScenePhotos, generator: _Generator) -> tuple[Pixels, SceneFaces]:
    """The picture with faces, and pieces of photos without faces, pasted into it."""
    size = len(picture)
    faces: list[SceneFaces] = [SceneFaces.none()]
    taken: list[npt.NDArray[np.float64]] = []
    for _ in range(int(generator.integers(1, _MOST_PASTED + 1))):
        is_face = generator.random() < 0.75
        photo = _any(photos.cutouts if is_face else photos.backgrounds, generator)
        height, width = photo.image.shape[:2]
        wanted = math.exp(generator.uniform(*np.log(_PASTED_SIZES)))
        if is_face:
            own = float(photo.faces.boxes.sizes()[0])
            origin = tuple(photo.faces.boxes.centers[0].tolist())
        else:
            own = min(height, width) * generator.uniform(0.3, 0.8)
            origin = (width / 2, height / 2)
        scale = min(wanted / own, _MOST_ENLARGED)
        target = tuple(generator.uniform(0.03 * size, 0.97 * size, 2).tolist())
        placing = Placing(scale, _angle(0.6, generator), bool(generator.random() < 0.5), origin, target)
        mask = _mask((height, width), origin if is_face else None, own, generator)
        alpha = placing.pixels(np.repeat(mask[..., None], 3, axis=2), size, border=cv2.BORDER_CONSTANT)
        alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), generator.uniform(0.5, 2.5)), np.uint8)
        covered = np.argwhere(alpha[..., 0] > 60)
        if not len(covered):
            continue
        box = np.concatenate([covered.min(axis=0)[::-1], covered.max(axis=0)[::-1] + 1]).astype(np.float64)
        if taken and intersection_over_smaller(box[None], np.stack(taken)).max() > 0.12:
            continue
        taken.append(box)
        pasted = placing.pixels(photo.image, size, border=cv2.BORDER_REPLICATE).astype(np.float32)
        share = alpha.astype(np.float32) / 255
        picture = np.rint(picture * (1 - share) + pasted * share).astype(np.uint8)
        if is_face:
            faces.append(placing.faces(photo.faces))
    return picture, joined_faces(faces)


def _mask(
    shape: tuple[int, int], face: tuple[float, ...] | None, own: float, generator: _Generator
) -> Pixels:
    """(H, W) opacity of a piece to paste.

    The whole photo, or an ellipse of size ``own`` around its ``face``, or in its middle.
    """
    height, width = shape
    if face is not None and generator.random() < 0.4:
        return np.full(shape, 255, np.uint8)
    mask = np.zeros(shape, np.uint8)
    half_x, half_y = (generator.uniform(0.62, 0.95, 2) * own).tolist()
    # Faces with their foreheads, which lie above the box.
    x, y = (width / 2, height / 2) if face is None else (face[0], face[1] - 0.1 * own)
    middle = (round(x), round(y))
    cv2.ellipse(mask, middle, (int(half_x) + 1, int(half_y) + 1), 0, 0, 360, 255, -1)
    return mask


def _seen(faces: SceneFaces, size: int) -> SceneFaces:
    """The faces that lie in the picture, at least in part. Those mostly outside, or tiny, get weight 0."""
    if not len(faces):
        return faces
    around = faces.boxes.around()
    inside = np.clip(around, 0, size)
    area = (around[:, 2:] - around[:, :2]).prod(axis=1)
    visible = (inside[:, 2:] - inside[:, :2]).prod(axis=1) / np.maximum(area, 1e-9)
    root = faces.boxes.sizes()
    centered = ((faces.boxes.centers > 0) & (faces.boxes.centers < size)).all(axis=1)
    learned = (visible >= _LEARNED) & (root >= _LEAST) & centered
    weights = np.where(learned, faces.weights, 0).astype(np.float32)
    kept = visible >= _VISIBLE
    return SceneFaces(faces.boxes, faces.roll_weights, weights)[kept]
