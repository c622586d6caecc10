"""Files are correct for unusual names of photos and other print settings of numpy."""

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from face_alignment_3d.export import PhotoFaces, write_csv, write_json, write_obj, write_pts
from face_alignment_3d.face import Face3D


@pytest.fixture
def face() -> Face3D:
    points = np.random.default_rng(0).normal(200, 60, (66, 3)).astype(np.float32)
    points[:, 2] -= points[:, 2].mean()
    points[0] = (1e-7, 123456.79, -3e-5)
    return Face3D(points, np.linspace(0, 1, 66, dtype=np.float32), np.array([1, 2, 3, 4.1], np.float32), 0.1)


@pytest.fixture(params=["1.13", "1.21", "1.25"])
def old_print_options(request: pytest.FixtureRequest) -> Iterator[None]:
    before = np.get_printoptions()
    np.set_printoptions(legacy=request.param, precision=2, suppress=True)
    yield
    np.set_printoptions(**{**before, "legacy": False})


def test_numpys_print_options_do_not_reach_files(
    face: Face3D, tmp_path: Path, old_print_options: None
) -> None:
    photo = PhotoFaces("a.png", 400, 400, [face])
    write_json(tmp_path / "a.json", photo)
    write_csv(tmp_path / "a.csv", [photo])
    write_pts(tmp_path / "a.pts", face, markup="66")
    write_obj(tmp_path / "a.obj", photo)
    (read,) = json.loads((tmp_path / "a.json").read_text())["faces"]
    np.testing.assert_array_equal(np.array(read["landmarks"], np.float32), face.landmarks)
    np.testing.assert_array_equal(np.array(read["confidence"], np.float32), face.confidence)
    with (tmp_path / "a.csv").open(newline="") as handle:
        (row,) = csv.DictReader(handle)
    assert [np.float32(row[f"{axis}_0"]) for axis in "xyz"] == face.landmarks[0].tolist()
    points = [line.split() for line in (tmp_path / "a.pts").read_text().splitlines()[3:-1]]
    np.testing.assert_array_equal(np.array(points, np.float32), face.landmarks[:, :2] + np.float32(1))
    vertices = [
        line.split()[1:] for line in (tmp_path / "a.obj").read_text().splitlines() if line[:2] == "v "
    ]
    np.testing.assert_array_equal(np.array(vertices, np.float32), face.landmarks * np.float32([1, -1, -1]))


@pytest.mark.parametrize("name", [b"caf\xe9.png", b"\xff\xfe", b'back\\slash\xe9 "quoted".png'])
def test_names_that_are_not_utf8(face: Face3D, tmp_path: Path, name: bytes) -> None:
    photo = PhotoFaces(os.fsdecode(name), 400, 400, [face])
    write_json(tmp_path / "a.json", photo)
    assert os.fsencode(json.loads((tmp_path / "a.json").read_bytes())["image"]) == name
    write_csv(tmp_path / "a.csv", [photo])
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as handle:
        (row,) = csv.DictReader(handle)
    assert row["image"] == os.fsdecode(name).encode("utf-8", "backslashreplace").decode()
