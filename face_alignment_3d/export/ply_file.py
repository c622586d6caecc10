"""The faces of a photo as a PLY of points and triangles."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.draw import depth_colors
from face_alignment_3d.export.record import PhotoFaces, y_up
from face_alignment_3d.markup68 import Markup, in_markup
from face_alignment_3d.pose.mean_face import MEAN_FACE

_HEADER = """ply
format binary_little_endian 1.0
comment face-alignment-3d: image pixels, x right, y up, z towards the viewer
element vertex {vertices}
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
property int face
property int point
element face {triangles}
property list uchar int vertex_indices
end_header
"""


def write_ply(path: str | os.PathLike[str], photo: PhotoFaces, *, markup: Markup = "66") -> None:
    """Writes all faces' points to ``path`` with the colors of the drawing, and triangles between them.

    In image pixels with y up and z towards the viewer: x, -y, -z of the landmarks. Each vertex says which
    ``face`` it belongs to and which ``point`` of the markup it is. The triangles
    are those of Delaunay for the mean face seen from the front, mouth and eyes included; counter-clockwise
    where the face is seen from the front. The file has the elements ``vertex`` and ``face`` only, which every
    reader takes. Binary; whole or not at all. Raises OSError when the folder is missing or cannot be written
    to.
    """
    kind = np.dtype(
        [(name, "<f4") for name in "xyz"]
        + [(name, "u1") for name in ("red", "green", "blue")]
        + [(name, "<i4") for name in ("face", "point")]
    )
    triangles = _triangles(markup)
    polygon = np.dtype([("count", "u1"), ("corners", "<i4", 3)])
    vertices, polygons = [], []
    for index, face in enumerate(photo.faces):
        landmarks = in_markup(face.landmarks, markup)
        points = y_up(landmarks)
        part = np.empty(len(points), kind)
        part["x"], part["y"], part["z"] = points.T
        part["red"], part["green"], part["blue"] = depth_colors(landmarks[:, 2]).T
        part["face"], part["point"] = index, np.arange(len(points))
        vertices.append(part)
        corners = np.empty(len(triangles), polygon)
        corners["count"], corners["corners"] = 3, triangles + len(points) * index
        polygons.append(corners)
    header = _HEADER.format(vertices=sum(map(len, vertices)), triangles=sum(map(len, polygons)))
    content = [header.encode("ascii"), *(part.tobytes() for part in [*vertices, *polygons])]
    write_atomically(Path(path), b"".join(content))


@cache
def _triangles(markup: Markup) -> npt.NDArray[np.int32]:
    """(T, 3) indices of points, counter-clockwise in a frame with y up."""
    from scipy.spatial import Delaunay

    front = in_markup(np.asarray(MEAN_FACE, np.float64), markup)[:, :2] * [1, -1]
    corners = np.asarray(Delaunay(front).simplices, np.int32)
    a, b, c = front[corners].swapaxes(0, 1)
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    return np.where((area > 0)[:, None], corners, corners[:, ::-1])
