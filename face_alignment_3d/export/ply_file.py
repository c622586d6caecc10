"""The faces of a photo as a PLY of points and edges."""

import os
from itertools import pairwise
from pathlib import Path

import numpy as np

from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.draw import depth_colors
from face_alignment_3d.export.record import PhotoFaces
from face_alignment_3d.export.y_up import y_up
from face_alignment_3d.markup68 import Markup, in_markup, lines_in

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
element edge {edges}
property int vertex1
property int vertex2
end_header
"""


def write_ply(path: str | os.PathLike[str], photo: PhotoFaces, *, markup: Markup = "66") -> None:
    """Writes all faces' points to ``path`` with the colors of the drawing, and face parts as edges.

    In image pixels with y up and z towards the viewer: x, -y, -z of the landmarks. Each vertex says which
    ``face`` it belongs to and which ``point`` of the markup it is. Binary; whole or not at all. Raises
    OSError when the folder is missing or cannot be written to.
    """
    kind = np.dtype(
        [(name, "<f4") for name in "xyz"]
        + [(name, "u1") for name in ("red", "green", "blue")]
        + [(name, "<i4") for name in ("face", "point")]
    )
    parts = np.array([pair for line in lines_in(markup) for pair in pairwise(line)], "<i4")
    vertices, edges = [], []
    for index, face in enumerate(photo.faces):
        landmarks = in_markup(face.landmarks, markup)
        points = y_up(landmarks)
        part = np.empty(len(points), kind)
        part["x"], part["y"], part["z"] = points.T
        part["red"], part["green"], part["blue"] = depth_colors(landmarks[:, 2]).T
        part["face"], part["point"] = index, np.arange(len(points))
        vertices.append(part)
        edges.append(parts + len(points) * index)
    header = _HEADER.format(vertices=sum(map(len, vertices)), edges=sum(map(len, edges)))
    content = [header.encode("ascii"), *(part.tobytes() for part in [*vertices, *edges])]
    write_atomically(Path(path), b"".join(content))
