"""Drawings and result files of faces."""

import csv
import json
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from hypothesis import strategies as st

from face_alignment_3d import Face3D
from face_alignment_3d.draw import draw_landmarks, draw_pose, draw_text
from face_alignment_3d.export import (
    FRAME_WRITERS,
    FrameFaces,
    PhotoFaces,
    VideoInfo,
    write_csv,
    write_gltf,
    write_json,
    write_npz,
    write_obj,
    write_openface_csv,
    write_ply,
    write_pts,
)
from face_alignment_3d.images import as_rgb
from face_alignment_3d.video import TrackedFace3D
from face_alignment_3d.view import ResultFile
from tests.fuzz import ugly
from tests.fuzz.target import Target

_FACES: Final = st.lists(ugly.faces(), max_size=3)
_SIZES: Final = st.tuples(st.sampled_from((1, 100, 4000)), st.sampled_from((1, 150, 3000)))


def _draw(case: Any) -> None:
    image, faces, boxes, ids, legend = case
    picture = draw_landmarks(image, faces, boxes=boxes, ids=ids, legend=legend)
    assert picture.dtype == np.uint8
    assert picture.shape == as_rgb(image).shape


def _draw_pose(case: Any) -> None:
    image, faces = case
    assert draw_pose(image, faces).shape == as_rgb(image).shape


def _draw_text(case: Any) -> None:
    picture, text, at, height = case
    before = picture.shape
    draw_text(picture, text, at, height)
    assert picture.shape == before


def _no_constants(text: str) -> float:
    raise AssertionError(f"{text} is no JSON")


def _json(path: Path, photo: PhotoFaces) -> None:
    write_json(path, photo)
    content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constants)
    for face, read in zip(photo.faces, content["faces"], strict=True):
        np.testing.assert_array_equal(np.array(read["landmarks"], np.float32), face.landmarks)
    assert "<html" in ResultFile(path).page().html()


def _csv(path: Path, photo: PhotoFaces) -> None:
    write_csv(path, [photo], blendshapes=True)
    assert _rows(path) == 1 + len(photo.faces)


def _openface(path: Path, photo: PhotoFaces) -> None:
    write_openface_csv(path, [photo])
    assert _rows(path) == 1 + len(photo.faces)


def _npz(path: Path, photo: PhotoFaces) -> None:
    write_npz(path, photo)
    with np.load(path) as content:
        assert content["landmarks"].shape == (len(photo.faces), 66, 3)
        poses = content["rotation"]
        known = np.isfinite(poses).all(axis=(1, 2))
        assert np.isnan(poses[~known]).all()


def _obj(path: Path, photo: PhotoFaces) -> None:
    write_obj(path, photo)
    assert "nan" not in path.read_text().lower()


def _ply(path: Path, photo: PhotoFaces) -> None:
    write_ply(path, photo)
    assert path.read_bytes().startswith(b"ply")


def _pts(path: Path, photo: PhotoFaces) -> None:
    for face in photo.faces:
        write_pts(path, face)
        lines = path.read_text().splitlines()
        assert len(lines) == 72
        assert all(np.isfinite([float(number) for number in line.split()]).all() for line in lines[3:-1])


def _gltf(path: Path, photo: PhotoFaces) -> None:
    write_gltf(path, photo.faces, height=photo.height, width=photo.width)
    assert path.read_bytes()[:4] == b"glTF"


def _rows(path: Path) -> int:
    with path.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.reader(file))


def _written(write: Callable[[Path, PhotoFaces], None], ending: str, case: Any) -> None:
    """Whole, or not at all."""
    faces, (height, width) = case
    with tempfile.TemporaryDirectory() as folder:
        try:
            write(Path(folder) / f"x{ending}", PhotoFaces("photo \udce9<.jpg", height, width, faces))
        finally:
            left = {path.name for path in Path(folder).iterdir()}
            assert left <= {f"x{ending}"}, left


def _frames(case: Any) -> None:
    name, frames, rate = case
    with tempfile.TemporaryDirectory() as folder:
        writer = FRAME_WRITERS[name](
            Path(folder) / f"x{FRAME_WRITERS[name].ENDING}", VideoInfo("video.mp4", 100, 150, rate=rate)
        )
        try:
            for index, (faces, time) in enumerate(frames):
                tracked = [_tracked(face, number) for number, face in enumerate(faces)]
                writer.add(FrameFaces(index, time, 100, 150, tracked))
            for path in writer.finish(complete=True):
                assert path.is_file()
        finally:
            writer.discard()


def _tracked(face: Face3D, number: int) -> TrackedFace3D:
    return TrackedFace3D(
        face.landmarks, face.confidence, face.box, face.score, track_id=number, visibility=face.visibility
    )


_WRITERS: Final = {
    "json": (_json, ".json"),
    "csv": (_csv, ".csv"),
    "openface": (_openface, ".csv"),
    "npz": (_npz, ".npz"),
    "obj": (_obj, ".obj"),
    "ply": (_ply, ".ply"),
    "pts": (_pts, ".pts"),
    "gltf": (_gltf, ".glb"),
}

TARGETS: Final = (
    Target(
        "draw_landmarks",
        st.tuples(
            ugly.mostly(ugly.photos(), ugly.images), _FACES, st.booleans(), st.booleans(), st.booleans()
        ),
        _draw,
        2,
    ),
    Target("draw_pose", st.tuples(ugly.photos(), _FACES), _draw_pose, 2),
    Target(
        "draw_text",
        st.tuples(
            ugly.photos(),
            st.one_of(st.text(max_size=9), st.sampled_from(("0" * 100_000, "12\n3"))),
            st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)),
            ugly.mostly(st.floats(1, 300), ugly.numbers),
        ),
        _draw_text,
    ),
    *(
        Target(f"write {name}", st.tuples(_FACES, _SIZES), partial(_written, write, ending), 4)
        for name, (write, ending) in _WRITERS.items()
    ),
    Target(
        "frame writers",
        st.tuples(
            st.sampled_from(sorted(FRAME_WRITERS)),
            st.lists(st.tuples(_FACES, ugly.mostly(st.floats(0, 9), ugly.numbers)), max_size=3),
            ugly.mostly(st.just(30.0), ugly.numbers),
        ),
        _frames,
        8,
    ),
)
