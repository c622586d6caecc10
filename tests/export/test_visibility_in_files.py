"""Files contain the visibility of each point, or that it is not known."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from face_alignment_3d.export import (
    FRAME_WRITERS,
    FrameFaces,
    PhotoFaces,
    VideoInfo,
    to_json,
    write_csv,
    write_npz,
)
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.video import TrackedFace3D
from tests.export.known_faces import known_face

VISIBILITY = np.random.default_rng(5).random(66).astype(np.float32)


@pytest.fixture
def photo() -> PhotoFaces:
    """One face whose visibility is known, one whose is not."""
    return PhotoFaces("a.jpg", 480, 640, [replace(known_face(), visibility=VISIBILITY), known_face(seed=1)])


def test_json(photo: PhotoFaces) -> None:
    known, unknown = json.loads(json.dumps(to_json(photo)))["faces"]
    np.testing.assert_array_equal(np.array(known["visibility"], np.float32), VISIBILITY)
    assert unknown["visibility"] is None


def test_csv(photo: PhotoFaces, tmp_path: Path) -> None:
    write_csv(tmp_path / "x.csv", [photo])
    with (tmp_path / "x.csv").open(newline="") as handle:
        known, unknown = csv.DictReader(handle)
    np.testing.assert_array_equal([np.float32(known[f"v_{point}"]) for point in range(66)], VISIBILITY)
    assert {unknown[f"v_{point}"] for point in range(66)} == {""}


@pytest.mark.parametrize(("markup", "count"), [("66", 66), ("68", 68)])
def test_npz(photo: PhotoFaces, tmp_path: Path, markup: str, count: int) -> None:
    write_npz(tmp_path / "x.npz", photo, markup=markup)  # type: ignore[arg-type]
    with np.load(tmp_path / "x.npz") as content:
        known, unknown = content["visibility"]
        confidence = content["confidence"]
        assert content["visibility"].dtype == confidence.dtype == np.float32
    assert known.shape == unknown.shape == confidence[0].shape == (count,)
    np.testing.assert_array_equal(known[FROM_68] if markup == "68" else known, VISIBILITY)
    assert np.isnan(unknown).all()


def _tracked(face: Face3D, track_id: int) -> TrackedFace3D:
    return TrackedFace3D(
        face.landmarks, face.confidence, face.box, None, track_id=track_id, visibility=face.visibility
    )


@pytest.mark.parametrize("kind", ["json", "csv", "npz"])
def test_videos(kind: str, photo: PhotoFaces, tmp_path: Path) -> None:
    file = tmp_path / f"x.{kind}"
    writer = FRAME_WRITERS[kind](file, VideoInfo("a.mp4", 480, 640, 25.0))
    faces = [_tracked(face, index) for index, face in enumerate(photo.faces)]
    writer.add(FrameFaces(0, 0.0, 480, 640, faces))
    writer.finish(complete=True)
    if kind == "json":
        known, unknown = (face["visibility"] for face in json.loads(file.read_text())["frames"][0]["faces"])
        assert unknown is None
    elif kind == "csv":
        rows = [list(row.values())[-66:] for row in csv.DictReader(file.open(newline=""))]
        known, unknown = rows
        assert set(unknown) == {""}
    else:
        with np.load(file) as content:
            known, unknown = content["visibility"]
        assert np.isnan(unknown).all()
    np.testing.assert_array_equal(np.array(known, np.float32), VISIBILITY)
