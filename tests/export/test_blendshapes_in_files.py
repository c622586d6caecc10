"""Blendshapes in the files of photos, where they were asked for; null, NaN or empty where not known."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.export import PhotoFaces, write_csv, write_json, write_npz
from tests.export.known_faces import known_face, poseless_face, smile

_FACES = [known_face(blendshapes=smile()), known_face(-20), poseless_face()]
_PHOTO = PhotoFaces("a.jpg", 480, 640, _FACES)


def test_json(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", _PHOTO)
    asked, not_asked, poseless = json.loads((tmp_path / "x.json").read_text())["faces"]
    assert list(asked["blendshapes"]) == list(BLENDSHAPES)
    known = {name: value for name, value in asked["blendshapes"].items() if value is not None}
    assert known == {"mouthSmileLeft": 0.5, "jawOpen": 0.0}
    assert not_asked["blendshapes"] is None
    assert poseless["blendshapes"] is None


def test_csv(tmp_path: Path) -> None:
    write_csv(tmp_path / "plain.csv", [_PHOTO])
    write_csv(tmp_path / "x.csv", [_PHOTO], blendshapes=True)
    plain, table = pd.read_csv(tmp_path / "plain.csv"), pd.read_csv(tmp_path / "x.csv")
    assert list(table.columns) == [*plain.columns, *BLENDSHAPES]
    pd.testing.assert_frame_equal(table[plain.columns], plain)
    assert table.loc[0, ["mouthSmileLeft", "jawOpen"]].tolist() == [0.5, 0]
    assert table.loc[0, list(BLENDSHAPES)].notna().sum() == 2
    assert table.loc[1:, list(BLENDSHAPES)].isna().all().all()


def test_npz(tmp_path: Path) -> None:
    write_npz(tmp_path / "x.npz", _PHOTO)
    with np.load(tmp_path / "x.npz") as arrays:
        assert arrays["blendshape_names"].tolist() == list(BLENDSHAPES)
        values = arrays["blendshapes"]
    assert values.shape == (3, 52)
    assert values[0, BLENDSHAPES.index("mouthSmileLeft")] == 0.5
    assert np.isfinite(values).sum() == 2
    write_npz(tmp_path / "none.npz", PhotoFaces("a.jpg", 480, 640, []))
    with np.load(tmp_path / "none.npz") as arrays:
        assert arrays["blendshapes"].shape == (0, 52)
