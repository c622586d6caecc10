"""The faces of a photo as a Wavefront OBJ of points and lines."""

import os
from pathlib import Path

from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.export.record import PhotoFaces, shortest, y_up
from face_alignment_3d.markup68 import Markup, in_markup, lines_in


def write_obj(path: str | os.PathLike[str], photo: PhotoFaces, *, markup: Markup = "66") -> None:
    """Writes an object a face to ``path``, its points as ``v`` and its parts as polylines ``l``.

    In image pixels with y up and z towards the viewer, as OBJ viewers expect: x, -y, -z of the landmarks, so
    that y is negative inside the photo. Whole or not at all; raises OSError when the folder is missing or
    cannot be written to.
    """
    text = ["# face-alignment-3d: image pixels, x right, y up, z towards the viewer"]
    first = 1  # Indices count from 1, through all objects.
    for index, face in enumerate(photo.faces):
        points = y_up(in_markup(face.landmarks, markup))
        text.append(f"o face_{index}")
        text += [f"v {x} {y} {z}" for x, y, z in map(shortest, points)]
        text += ["l " + " ".join(str(first + point) for point in line) for line in lines_in(markup)]
        first += len(points)
    write_atomically(Path(path), ("\n".join(text) + "\n").encode("ascii"))
