"""The OpenFace-like table, read by pandas, agrees with the face's perspective pose."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from face_alignment_3d.export import PhotoFaces, write_openface_csv
from face_alignment_3d.markup68 import to_68
from face_alignment_3d.pose import Camera
from tests.export.known_faces import known_face, poseless_face

_CAMERA = Camera(fx=800, fy=800, cx=319.5, cy=239.5, width=640, height=480)


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    photos = [
        PhotoFaces("a.jpg", 480, 640, [known_face(), known_face(-60, seed=1)]),
        PhotoFaces("empty.jpg", 480, 640, []),
        PhotoFaces("b.jpg", 480, 640, [poseless_face()]),
    ]
    write_openface_csv(tmp_path / "x.csv", photos, camera=_CAMERA, frames_per_second=25)
    return pd.read_csv(tmp_path / "x.csv")


def test_rows(table: pd.DataFrame) -> None:
    assert table["frame"].tolist() == [1, 1, 3]
    assert table["face_id"].tolist() == [0, 1, 0]
    assert table["timestamp"].tolist() == [0, 0, 0.08]
    assert table["success"].tolist() == [1, 1, 0]
    assert table["confidence"][0] == pytest.approx(known_face().confidence.mean(), abs=1e-3)
    assert list(table.columns[:6]) == ["frame", "face_id", "timestamp", "confidence", "success", "pose_Tx"]
    assert len(table.columns) == 5 + 6 + 5 * 68
    assert (table.iloc[2, 5:] == 0).all()


def test_numbers(table: pd.DataFrame) -> None:
    face = known_face()
    pose = face.perspective_pose(_CAMERA)
    row = table.iloc[0]
    position = row[["pose_Tx", "pose_Ty", "pose_Tz"]].to_numpy(float)
    np.testing.assert_allclose(position, pose.translation, rtol=1e-5)
    turn = Rotation.from_euler("XYZ", row[["pose_Rx", "pose_Ry", "pose_Rz"]].to_numpy(float))
    np.testing.assert_allclose(turn.as_matrix(), pose.rotation, atol=1e-4)
    pixels = np.column_stack([row[[f"{axis}_{n}" for n in range(68)]].to_numpy(float) for axis in "xy"])
    np.testing.assert_allclose(pixels, to_68(face.landmarks)[:, :2], atol=1e-2)
    points = np.column_stack([row[[f"{axis}_{n}" for n in range(68)]].to_numpy(float) for axis in "XYZ"])
    # Derived points are derived in space, so they project a hair beside those derived in the image.
    np.testing.assert_allclose(_CAMERA.project(points), pixels, atol=0.5)
    eyes = [points[start : start + 6].mean(axis=0) for start in (36, 42)]
    assert np.linalg.norm(eyes[1] - eyes[0]) == pytest.approx(63, rel=0.05)


def test_without_a_camera_one_is_assumed(tmp_path: Path) -> None:
    photos = [PhotoFaces("a.jpg", 480, 640, [known_face()])]
    write_openface_csv(tmp_path / "x.csv", photos)
    expected = known_face().perspective_pose(Camera.assumed(height=480, width=640)).translation[2]
    assert pd.read_csv(tmp_path / "x.csv")["pose_Tz"][0] == pytest.approx(expected, rel=1e-5)
