"""The formats that results are written in, and what their files are called."""

import hashlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

# What writes is imported only when there is something to write: --help is to be quick.
if TYPE_CHECKING:
    from face_alignment_3d.export import PhotoFaces

#: Format -> ending of the file that each photo gets.
PHOTO_FORMATS: Final = {
    "json": ".json",
    "npz": ".npz",
    "pts": ".pts",
    "obj": ".obj",
    "ply": ".ply",
    "gltf": ".glb",
}

#: Format -> name of the one file for all photos.
TABLE_FORMATS: Final = {"csv": "landmarks.csv", "openface": "openface.csv"}

FORMATS: Final = (*PHOTO_FORMATS, *TABLE_FORMATS)

#: Formats of a video's faces. The names of their files are in face_alignment_3d.export.
VIDEO_FORMATS: Final = ("json", "csv", "npz", "openface", "livelink", "gltf")

#: Formats that hold one face a file; the second face of ``a.jpg`` goes to ``a.face1.pts``.
_ONE_FACE: Final = frozenset({"pts", "gltf"})


#: Bytes of a file name on most file systems.
_LONGEST_NAME: Final = 255


def result_file(folder: Path, name: str, ending: str) -> Path:
    """``<folder>/<name><ending>``; a name that is too long is cut, and gets eight digits of its hash."""
    target = folder / (name + ending)
    if len(os.fsencode(target.name)) <= _LONGEST_NAME:
        return target
    ending = f"~{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}{ending}"
    stem = Path(name).name
    while len(os.fsencode(stem + ending)) > _LONGEST_NAME:
        stem = stem[:-1]
    return target.with_name(stem + ending)


def write_photo(kind: str, target: Path, photo: "PhotoFaces", *, markup: str | None) -> list[Path]:
    """Writes a photo's faces to ``target`` in the format ``kind``; returns the files that there are now.

    ``markup`` is "66", "68" or None, which leaves it to the format. Formats of one face write none where
    there is no face, and leave faces without a pose out of files that need one.
    """
    if kind in _ONE_FACE:
        return _write_faces(kind, target, photo, markup)
    _photo_writer(kind, markup)(target, photo)
    return [target]


def write_table(
    kind: str, target: Path, photos: "Sequence[PhotoFaces]", *, blendshapes: bool = False
) -> None:
    """Writes the faces of all photos to ``target`` in the format ``kind``.

    ``blendshapes`` adds columns for them where the format may have such.
    """
    from face_alignment_3d import export

    if kind == "csv":
        export.write_csv(target, photos, blendshapes=blendshapes)
    else:
        export.write_openface_csv(target, photos)


def _photo_writer(kind: str, markup: str | None) -> Callable[..., None]:
    from face_alignment_3d import export

    if kind == "json":
        return export.write_json
    writers: dict[str, Callable[..., None]] = {
        "npz": export.write_npz,
        "obj": export.write_obj,
        "ply": export.write_ply,
    }
    return partial(writers[kind], **_chosen(markup))


def _write_faces(kind: str, target: Path, photo: "PhotoFaces", markup: str | None) -> list[Path]:
    from face_alignment_3d.errors import LandmarksError
    from face_alignment_3d.export import write_gltf, write_pts

    written = []
    for index, face in enumerate(photo.faces):
        further = f".face{index}{target.suffix}"
        file = target if index == 0 else result_file(target.parent, target.stem, further)
        if kind == "pts":
            write_pts(file, face, **_chosen(markup))
        else:
            try:
                write_gltf(file, [face], height=photo.height, width=photo.width)
            except LandmarksError:
                continue
        written.append(file)
    return written


def _chosen(markup: str | None) -> dict[str, Any]:
    return {} if markup is None else {"markup": markup}
