"""A head model that is an ellipsoid, for tests of turning photos."""

import json
from pathlib import Path

import numpy as np

from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.novel_views.head_model import HeadModel

RADII = np.array([7.0, 9.5, 8.5])
_ROWS, _COLUMNS = 41, 80


def round_head() -> HeadModel:
    """An ellipsoid in centimeters that can grow wider and longer, with 66 landmarks on its front."""
    polar = np.pi * np.arange(_ROWS) / (_ROWS - 1)
    around = 2 * np.pi * np.arange(_COLUMNS) / _COLUMNS
    p, a = np.meshgrid(polar, around, indexing="ij")
    # The angle runs from the back of the head over the image's left, the front (z < 0) and the right.
    unit = np.stack([-np.sin(p) * np.sin(a), -np.cos(p), np.sin(p) * np.cos(a)], axis=-1).reshape(-1, 3)
    grid = np.arange(_ROWS * _COLUMNS).reshape(_ROWS, _COLUMNS)
    right = np.roll(grid, -1, axis=1)
    quads = np.stack([grid[1:], right[1:], right[:-1], grid[:-1]], axis=-1).reshape(-1, 4)
    neutral = unit * RADII
    basis = np.stack([neutral * [0.15, 0, 0], neutral * [0, 0.1, 0]])
    return HeadModel(
        neutral.astype(np.float32),
        basis.astype(np.float32),
        np.ones(2),
        quads.astype(np.int32),
        _landmarks(unit)[FROM_68],
    )


def write_head_model(data: Path):
    """``models/``: the same head as the files of ICT-FaceKit have it: y up, z towards the viewer."""
    (data / "models").mkdir(parents=True, exist_ok=True)
    model = round_head()
    flip = np.array([1, -1, -1], dtype=np.float32)
    np.savez(
        data / "models" / "ict_facekit.npz",
        neutral=model.neutral * flip,
        identity=(model.basis[:1] * flip).astype(np.float16),
        expression=(model.basis[1:] * flip).astype(np.float16),
        quads=model.quads,
    )
    vertices = _landmarks(model.neutral / RADII).tolist()
    text = json.dumps({"idx_to_landmark_verts": vertices})
    (data / "models" / "ict_vertex_indices.json").write_text(text, encoding="utf-8")


def _landmarks(unit):
    """(68,): vertices of the front half, the jaw's first, spread over rows and columns."""
    rows = np.linspace(12, 28, 9).astype(int)
    columns = np.linspace(24, 56, 9).astype(int)
    grid = (rows[:, None] * _COLUMNS + columns[None]).ravel()
    chosen = grid[np.linspace(0, len(grid) - 1, 68).astype(int)]
    jaw = np.linspace(20, 60, 17).astype(int) + 26 * _COLUMNS
    vertices = np.concatenate([jaw, chosen[17:]])
    assert (unit[vertices, 2] < 0.1).all()
    return vertices


def dotted_photo(skin, vertices, *, side):
    """(side, side, 3): a skin-colored disc of a head with a red, green or blue dot at each given vertex."""
    ys, xs = np.mgrid[:side, :side]
    middle, radius = skin.mean(axis=0), np.ptp(skin, axis=0) / 2
    inside = ((xs - middle[0]) / radius[0]) ** 2 + ((ys - middle[1]) / radius[1]) ** 2 < 1
    image = np.where(inside[..., None], [200.0, 170.0, 150.0], [40.0, 60.0, 40.0])
    for index, vertex in enumerate(vertices):
        x, y = skin[vertex, :2]
        blob = np.exp(-0.5 * ((xs - x) ** 2 + (ys - y) ** 2) / 2.0**2)[..., None]
        image += blob * (DOT_COLORS[index] - image)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


#: Landmarks near the middle of the face, which turned heads show as well.
DOTS = (33, 49, 27)
DOT_COLORS = np.array([[255.0, 0, 0], [0, 255.0, 0], [0, 0, 255.0]])


def dot_position(image, color):
    """(x, y) of the middle of a dot: of all that is nearer to its color than to the skin's."""
    closeness = np.clip(1 - np.linalg.norm(image - color, axis=-1) / 150, 0, None)
    ys, xs = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(closeness * xs).sum(), (closeness * ys).sum()]) / closeness.sum()
