"""NPZ, .pts, OBJ and PLY, read by other libraries, agree with the face."""

from pathlib import Path

import numpy as np
import pytest
import trimesh
from plyfile import PlyData

from face_alignment_3d.export import PhotoFaces, write_npz, write_obj, write_ply, write_pts
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.markup68 import Markup, to_68
from face_alignment_3d.training.data.datasets.ibug_pts import read_pts
from tests.export.known_faces import known_face, poseless_face


@pytest.fixture
def photo() -> PhotoFaces:
    return PhotoFaces("föto.jpg", 480, 640, [known_face(20), known_face(-50, seed=1, score=None)])


def test_npz(photo: PhotoFaces, tmp_path: Path) -> None:
    write_npz(tmp_path / "x.npz", photo)
    with np.load(tmp_path / "x.npz", allow_pickle=False) as content:
        for index, face in enumerate(photo.faces):
            for name in ("landmarks", "confidence", "box"):
                np.testing.assert_array_equal(content[name][index], getattr(face, name))
                assert content[name].dtype == np.float32
            for name in ("rotation", "angles", "scale", "translation"):
                np.testing.assert_array_equal(content[name][index], getattr(face.pose, name))
            np.testing.assert_array_equal(content["points_canonical"][index], face.points_canonical)
        np.testing.assert_array_equal(content["score"], [0.75, np.nan])
        assert content["size"].tolist() == [480, 640]
        assert str(content["image"]) == "föto.jpg"
        assert str(content["markup"]) == "66"
        assert str(content["schema"]) == "face-alignment-3d/4"


def test_npz_in_68_points_without_faces_and_without_pose(photo: PhotoFaces, tmp_path: Path) -> None:
    write_npz(tmp_path / "x.npz", photo, markup="68")
    with np.load(tmp_path / "x.npz") as content:
        np.testing.assert_array_equal(content["landmarks"][1], to_68(photo.faces[1].landmarks))
    write_npz(tmp_path / "x.npz", PhotoFaces("a", 4, 5, []))
    with np.load(tmp_path / "x.npz") as content:
        assert content["landmarks"].shape == (0, 66, 3)
        assert content["rotation"].shape == (0, 3, 3)
    write_npz(tmp_path / "x.npz", PhotoFaces("a", 4, 5, [poseless_face()]))
    with np.load(tmp_path / "x.npz") as content:
        assert np.isnan(content["rotation"]).all()
        assert np.isnan(content["points_canonical"]).all()
        assert (content["landmarks"] == 1).all()


def test_pts(tmp_path: Path) -> None:
    face = known_face()
    write_pts(tmp_path / "x.pts", face)
    lines = (tmp_path / "x.pts").read_text().splitlines()
    assert lines[:3] == ["version: 1", "n_points: 68", "{"]
    assert lines[-1] == "}"
    points = np.array([line.split() for line in lines[3:-1]], float)
    np.testing.assert_allclose(points[FROM_68] - 1, face.landmarks[:, :2], atol=1e-4)
    np.testing.assert_allclose(read_pts(tmp_path / "x.pts"), to_68(face.landmarks[:, :2]), atol=1e-4)
    write_pts(tmp_path / "x.pts", face, markup="66")
    assert "n_points: 66" in (tmp_path / "x.pts").read_text()


@pytest.mark.parametrize("markup", ["66", "68"])
def test_ply(photo: PhotoFaces, tmp_path: Path, markup: Markup) -> None:
    write_ply(tmp_path / "x.ply", photo, markup=markup)
    content = PlyData.read(tmp_path / "x.ply")
    vertices, triangles = content["vertex"], np.stack(content["face"]["vertex_indices"])
    count = int(markup)
    assert len(vertices) == 2 * count
    expected = np.concatenate(
        [face.landmarks if count == 66 else to_68(face.landmarks) for face in photo.faces]
    )
    np.testing.assert_array_equal(np.column_stack([vertices[axis] for axis in "xyz"]), expected * [1, -1, -1])
    np.testing.assert_array_equal(vertices["face"], np.repeat([0, 1], count))
    np.testing.assert_array_equal(vertices["point"], np.tile(np.arange(count), 2))
    assert [element.name for element in content.elements] == ["vertex", "face"]  # All that some readers take.
    assert (np.ptp(vertices["face"][triangles], axis=1) == 0).all()
    assert set(triangles.ravel()) == set(range(2 * count))
    nearest, farthest = np.argmin(expected[:count, 2]), np.argmax(expected[:count, 2])
    assert vertices["red"][nearest] > 200 > vertices["red"][farthest]  # Yellow in front, blue behind.
    mesh = trimesh.load(tmp_path / "x.ply", process=False)
    np.testing.assert_array_equal(mesh.vertices, expected * [1, -1, -1])
    assert (mesh.faces == triangles).all()


def test_triangles_look_at_the_viewer(tmp_path: Path) -> None:
    write_ply(tmp_path / "x.ply", PhotoFaces("a", 480, 640, [known_face(0)]))
    normals = trimesh.load(tmp_path / "x.ply", process=False).face_normals
    assert (normals[:, 2] > 0).mean() > 0.9  # Narrow ones at the jaw may turn over.


def test_obj(photo: PhotoFaces, tmp_path: Path) -> None:
    write_obj(tmp_path / "x.obj", photo)
    landmarks = np.concatenate([face.landmarks for face in photo.faces])
    lines = [line.split() for line in (tmp_path / "x.obj").read_text().splitlines()]
    vertices = np.array([line[1:] for line in lines if line[0] == "v"], np.float32)
    np.testing.assert_array_equal(vertices, landmarks * np.array([1, -1, -1], np.float32))
    assert [line[1] for line in lines if line[0] == "o"] == ["face_0", "face_1"]
    strokes = [list(map(int, line[1:])) for line in lines if line[0] == "l"]
    assert strokes[0] == list(range(1, 18))
    assert strokes[9] == list(range(67, 84))  # The second face's jaw; indices run on.
    assert strokes[5][0] == strokes[5][-1] == 37  # The eye is closed.


def test_obj_by_trimesh(photo: PhotoFaces, tmp_path: Path) -> None:
    write_obj(tmp_path / "x.obj", photo, markup="68")
    cloud = trimesh.load(tmp_path / "x.obj", process=False)
    expected = np.concatenate([to_68(face.landmarks) for face in photo.faces])
    np.testing.assert_allclose(cloud.vertices, expected * [1, -1, -1], rtol=1e-6)


def test_files_without_faces(tmp_path: Path) -> None:
    empty = PhotoFaces("a", 4, 5, [])
    write_obj(tmp_path / "x.obj", empty)
    write_ply(tmp_path / "x.ply", empty)
    assert (tmp_path / "x.obj").read_text().count("\n") == 1
    content = PlyData.read(tmp_path / "x.ply")
    assert len(content["vertex"]) == len(content["face"]) == 0


def test_written_whole_or_not_at_all(
    photo: PhotoFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    for write in (write_npz, write_obj, write_ply):
        with pytest.raises(OSError, match="disk full"):
            write(tmp_path / "x", photo)
    with pytest.raises(OSError, match="disk full"):
        write_pts(tmp_path / "x", photo.faces[0])
    assert list(tmp_path.iterdir()) == []
