"""A set of turned photos, made from a set of labelled ones."""

import hashlib
import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.errors import DataError
from face_alignment_3d.pose.rotation import rotation_by
from face_alignment_3d.training.data.datasets.novel_views import NovelViews
from face_alignment_3d.training.data.face_model import Floats
from face_alignment_3d.training.labels.contact_sheet import Tile, contact_sheet, labelled_tile
from face_alignment_3d.training.novel_views.depth_map import visible_landmarks
from face_alignment_3d.training.novel_views.head_fit import HeadFit, fit_heads
from face_alignment_3d.training.novel_views.head_model import HeadModel
from face_alignment_3d.training.novel_views.poses import PoseRange, sample_pose
from face_alignment_3d.training.novel_views.turning import Pixels, make_scene, turn, turn_points

_JPEG_QUALITY = 93
#: The weights of visibility where the mesh hides a landmark, and where it does not: hair and hands may.
_HIDDEN_WEIGHT, _SEEN_WEIGHT = 0.7, 0.3


@dataclass(frozen=True, eq=False)
class Source:
    """One labelled face to turn."""

    name: str
    """Stem of the views' files; unique in its set."""
    image: Pixels
    """(h, w, 3) RGB."""
    points: npt.NDArray[np.float32]
    """(66, 3) in pixels of that photo: x right, y down, z away from the camera."""


def make_views(
    sources: Sequence[Source],
    model: HeadModel,
    poses: Sequence[PoseRange],
    out: Path,
    *,
    seed: int = 1,
    progress: Callable[[int], object] = lambda done: None,
    threads: int = 2,
) -> int:
    """Writes a view of each source for each of ``poses`` into ``out``/, and the index ``out``.npz last.

    Returns the number of views. Photos that an earlier call of the same kind left are kept. The poses drawn
    depend on the seed and the source's name alone. Raises :class:`DataError` without sources.
    """
    if not sources:
        raise DataError(f"expected faces to turn for {out}; got none")
    out.mkdir(parents=True, exist_ok=True)
    fit = fit_heads(model, np.stack([source.points for source in sources]))
    angles = fit.angles()

    def work(index: int) -> list[_View]:
        views = _views_of(sources[index], fit, index, angles[index].tolist(), poses, seed)
        _render_missing(sources[index], fit, index, views, out)
        progress(1)
        return views

    with ThreadPoolExecutor(threads) as executor:
        views = [view for made in executor.map(work, range(len(sources))) for view in made]
    content = io.BytesIO()
    np.savez(
        content,
        names=np.array([view.name for view in views]),
        sources=np.array([view.source for view in views]),
        points66=np.stack([view.points for view in views]),
        visible=np.stack([view.visible for view in views]),
        weight_visible=np.stack([view.weight_visible for view in views]),
        pitch=np.array([view.angles[0] for view in views], dtype=np.float32),
        yaw=np.array([view.angles[1] for view in views], dtype=np.float32),
        roll=np.array([view.angles[2] for view in views], dtype=np.float32),
    )
    write_atomically(out.with_name(out.name + ".npz"), content.getvalue())
    return len(views)


@dataclass(frozen=True, eq=False)
class _View:
    name: str
    source: str
    angles: tuple[float, float, float]
    turn_by: Floats
    points: npt.NDArray[np.float32]
    visible: npt.NDArray[np.float32]
    weight_visible: npt.NDArray[np.float32]


def views_sheet(views: NovelViews, *, count: int = 48) -> npt.NDArray[np.uint8]:
    """``count`` views spread over the set, from the most left-turned to the most right-turned."""
    order = np.argsort(views.yaw, kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, min(count, len(order))).astype(np.int64)]
    return contact_sheet([_tile(views, int(index)) for index in chosen])


def _views_of(
    source: Source, fit: HeadFit, index: int, angles: Sequence[float], poses: Sequence[PoseRange], seed: int
) -> list[_View]:
    digest = hashlib.sha256(source.name.encode()).digest()
    generator = np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])
    center = fit.center(index)
    skin = fit.skin(index)
    seen_in_source = visible_landmarks(fit.model, skin, center, np.eye(3))
    views = []
    for number, wanted in enumerate(poses):
        pose = sample_pose(angles, wanted, generator)
        if pose is None:
            continue
        pitch, yaw, roll = pose
        turn_by = rotation_by(yaw, pitch, roll) @ fit.rotation[index].T
        points = turn_points(source.points, center, turn_by)
        seen = visible_landmarks(fit.model, skin, center, turn_by)
        views.append(
            _View(
                f"{source.name}_{number}",
                source.name,
                pose,
                turn_by,
                points,
                seen.astype(np.float32),
                np.where(seen, _SEEN_WEIGHT * seen_in_source, _HIDDEN_WEIGHT).astype(np.float32),
            )
        )
    return views


def _render_missing(source: Source, fit: HeadFit, index: int, views: Sequence[_View], out: Path) -> None:
    missing = [view for view in views if not (out / f"{view.name}.jpg").exists()]
    if not missing:
        return
    scene = make_scene(source.image, fit.skin(index), fit.model.quads, fit.center(index))
    for view in missing:
        image = turn(scene, source.points, view.turn_by)
        done, encoded = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        if not done:
            raise DataError(f"expected a JPEG of {view.name}, got none from OpenCV; check its installation")
        write_atomically(out / f"{view.name}.jpg", encoded.tobytes())


def _tile(views: NovelViews, index: int) -> Tile:
    caption = f"{views.yaw[index]:.0f} / {views.pitch[index]:.0f}  {views.names[index][-18:]}"
    return labelled_tile(views.image(index), views.points[index], caption)
