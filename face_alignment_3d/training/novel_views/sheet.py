"""A picture of several novel views, for inspection."""

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around
from face_alignment_3d.face import Face3D
from face_alignment_3d.training.data.datasets.novel_views import NovelViews
from face_alignment_3d.training.labels.contact_sheet import Tile, contact_sheet


def views_sheet(views: NovelViews, *, count: int = 48) -> npt.NDArray[np.uint8]:
    """``count`` views spread over the set, from the most left-turned to the most right-turned."""
    order = np.argsort(views.yaw, kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, min(count, len(order))).astype(np.int64)]
    return contact_sheet([_tile(views, int(index)) for index in chosen])


def _tile(views: NovelViews, index: int) -> Tile:
    points = views.points[index]
    face = Face3D(points, np.ones(len(points), dtype=np.float32), box_around(points), 1.0)
    caption = f"{views.yaw[index]:.0f} / {views.pitch[index]:.0f}  {views.names[index][-18:]}"
    return Tile(views.image(index), face, points[:, :2], caption)
