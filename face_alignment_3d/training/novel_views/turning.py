"""Turning a photo of a head to another pose."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.training.data.face_model import Floats
from face_alignment_3d.training.novel_views.depth_map import Map, head_depth
from face_alignment_3d.training.novel_views.surface import fill, render

Pixels = npt.NDArray[np.uint8]

# In half widths of the head, beside it: where the unseen back of it is reached, where the scene stands still.
_BACK, _STILL = 0.6, 2.6


@dataclass(frozen=True, eq=False)
class Scene:
    """A photo with a depth for each pixel, which can be turned any number of times."""

    image: Pixels
    """(h, w, 3) RGB."""
    backdrop: Pixels
    """(h, w, 3): a background behind the head, continued from around it."""
    depth: Map
    """(h, w) pixels away from the camera, relative to ``center``: of the skin, and behind its outline of the
    hair and the back of the head, which no photo shows from the front."""
    follows: Map
    """(h, w) in [0, 1]: the share of the head's motion that a pixel follows; falls to 0 in the background."""
    center: Floats
    """(3,): the center of the turn, pixels."""
    half: float
    """Half the head's width, pixels."""


def make_scene(
    image: Pixels, skin: npt.NDArray[np.float32], quads: npt.NDArray[np.int32], center: Floats
) -> Scene:
    """``skin`` (V, 3) and ``center`` (3,) in pixels of ``image``; ``quads`` (Q, 4) vertices."""
    rim, head = head_depth(skin, quads, size=(image.shape[0], image.shape[1]))
    half = float(np.ptp(skin[:, 0])) / 2
    outside = np.asarray(cv2.distanceTransform((~head).astype(np.uint8), cv2.DIST_L2, 5), dtype=np.float32)
    behind = _smooth_step(outside / (_BACK * half))
    depth = rim + np.maximum(float(center[2]) + half - rim, 0) * behind
    follows = 1 - _smooth_step((outside / half - _BACK) / (_STILL - _BACK))
    away = outside > 0.5 * half
    backdrop = fill(image.astype(np.float32), away) if away.any() else image
    backdrop = np.where(away[:, :, None], image, cv2.GaussianBlur(backdrop, (0, 0), 2.0))
    return Scene(
        image,
        np.clip(np.rint(backdrop), 0, 255).astype(np.uint8),
        (depth - center[2]).astype(np.float32),
        follows.astype(np.float32),
        center,
        half,
    )


def turn(scene: Scene, points: npt.NDArray[np.floating], rotation: Floats) -> Pixels:
    """The photo (h, w, 3) after ``rotation`` (3, 3) about the head's center; hidden parts are filled in.

    The middle of the ``points`` (N, 3) keeps its place in the photo. :func:`turn_points` moves points
    likewise.
    """
    _, shift = _turned(points, scene.center, rotation)
    return _render(scene, rotation, shift)


def turn_points(
    points: npt.NDArray[np.floating], center: Floats, rotation: Floats
) -> npt.NDArray[np.float32]:
    """Points (N, 3) after ``rotation`` (3, 3) about ``center`` (3,), shifted such that their middle stays.

    x right, y down, z away from the camera, pixels; z comes out with zero mean.
    """
    after, shift = _turned(points, center, rotation)
    after[:, :2] += shift
    after[:, 2] -= after[:, 2].mean()
    return after.astype(np.float32)


def _turned(points: npt.NDArray[np.floating], center: Floats, rotation: Floats) -> tuple[Floats, Floats]:
    before = np.asarray(points, dtype=np.float64)
    after = (before - center) @ rotation.T + center
    return after, _middle(before) - _middle(after)


def _render(scene: Scene, rotation: Floats, shift: Floats) -> Pixels:
    height, width = scene.depth.shape
    old_x, old_y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    relative = np.stack([old_x - scene.center[0], old_y - scene.center[1], scene.depth], axis=-1)
    turned = relative.astype(np.float32) @ rotation.astype(np.float32).T
    moved = turned - relative + np.append(shift, 0.0)
    place = np.stack([old_x, old_y, scene.depth], axis=-1) + scene.follows[:, :, None] * moved
    # The background is behind all of the head, whatever the turn did to it.
    place[:, :, 2] += (1 - scene.follows) * 4 * max(height, width)
    carried = np.stack([old_x, old_y], axis=-1)
    drawn = render(
        _quads(place.astype(np.float32)), _quads(carried), size=(height, width), thickness=0.1 * scene.half
    )
    seen = np.isfinite(drawn.depth)
    source = fill(drawn.values, seen)
    image = cv2.remap(scene.image, source[:, :, 0], source[:, :, 1], cv2.INTER_LINEAR)
    solid = cv2.morphologyEx(seen.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    share = cv2.GaussianBlur(cv2.erode(solid, np.ones((3, 3), np.uint8)).astype(np.float32), (0, 0), 0.8)
    blended = share[:, :, None] * image + (1 - share[:, :, None]) * scene.backdrop
    return np.clip(np.rint(blended), 0, 255).astype(np.uint8)


def _quads(grid: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(h, w, C) -> ((h - 1) * (w - 1), 4, C): the corners of each cell, around it."""
    corners = np.stack([grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]], axis=2)
    return corners.reshape(-1, 4, grid.shape[2])


def _middle(points: Floats) -> Floats:
    middle: Floats = (points[:, :2].min(axis=0) + points[:, :2].max(axis=0)) / 2
    return middle


def _smooth_step(x: Map) -> Map:
    clipped = np.clip(x, 0.0, 1.0)
    step: Map = clipped * clipped * (3 - 2 * clipped)
    return step
