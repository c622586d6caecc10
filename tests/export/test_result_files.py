"""Result files give back what was written, and are never seen half done."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from face_alignment_3d.export import SCHEMA, PhotoFaces, to_json, write_csv, write_json, write_png
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import NAMES


def _face(seed: int, score: float | None) -> Face3D:
    generator = np.random.default_rng(seed)
    landmarks = generator.normal(200, 80, (66, 3)).astype(np.float32)
    confidence = generator.random(66).astype(np.float32)
    return Face3D(landmarks, confidence, np.array([1.5, -2, 3e5, 1e-7], np.float32), score)


@pytest.fixture
def photo() -> PhotoFaces:
    return PhotoFaces('földer/a "b", c.jpg', 480, 640, [_face(0, 0.987), _face(1, None)])


def test_json_gives_back_the_exact_values(photo: PhotoFaces, tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", photo)
    content = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    assert content == to_json(photo)
    assert content["schema"] == SCHEMA == "face-alignment-3d/4"
    assert content["image"] == photo.image
    assert (content["width"], content["height"]) == (640, 480)
    assert content["markup"]["name"] == "3dfaw-66"
    assert tuple(content["markup"]["points"]) == NAMES
    assert "center of the top-left pixel" in content["coordinates"]
    assert len(content["faces"]) == 2
    for written, face in zip(content["faces"], photo.faces, strict=True):
        assert written["score"] == face.score
        for key in ("landmarks", "confidence", "box"):
            np.testing.assert_array_equal(np.array(written[key], np.float32), getattr(face, key))


def test_json_without_faces(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", PhotoFaces("a.jpg", 4, 5, []))
    assert json.loads((tmp_path / "x.json").read_text())["faces"] == []


def test_json_is_standard(photo: PhotoFaces, tmp_path: Path) -> None:
    face = photo.faces[0]
    broken = Face3D(np.full_like(face.landmarks, np.nan), face.confidence, face.box, None)
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", PhotoFaces("a.jpg", 4, 5, [broken]))
    assert list(tmp_path.iterdir()) == []


def test_numbers_are_short(photo: PhotoFaces, tmp_path: Path) -> None:
    landmarks = np.full((66, 3), 0.1, np.float32)
    face = Face3D(landmarks, photo.faces[0].confidence, photo.faces[0].box, None)
    assert to_json(PhotoFaces("a", 1, 1, [face]))["faces"][0]["landmarks"][0] == [0.1, 0.1, 0.1]


def test_csv_gives_back_the_exact_values(photo: PhotoFaces, tmp_path: Path) -> None:
    empty = PhotoFaces("nobody.jpg", 10, 10, [])
    write_csv(tmp_path / "x.csv", [photo, empty, PhotoFaces("other.jpg", 10, 10, [_face(2, 0.5)])])
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [(row["image"], row["face"]) for row in rows] == [
        (photo.image, "0"),
        (photo.image, "1"),
        ("other.jpg", "0"),
    ]
    for row, face in zip(rows, photo.faces, strict=False):
        assert (float(row["score"]) if row["score"] else None) == face.score
        box = [np.float32(row[key]) for key in ("x0", "y0", "x1", "y1")]
        np.testing.assert_array_equal(box, face.box)
        for column, axis in enumerate("xyz"):
            values = [np.float32(row[f"{axis}_{point}"]) for point in range(66)]
            np.testing.assert_array_equal(values, face.landmarks[:, column])
        np.testing.assert_array_equal([np.float32(row[f"c_{p}"]) for p in range(66)], face.confidence)


def test_csv_of_nothing_has_its_header(tmp_path: Path) -> None:
    write_csv(tmp_path / "x.csv", [])
    (header,) = (tmp_path / "x.csv").read_text().splitlines()
    columns = header.split(",")
    assert columns[:7] == ["image", "face", "score", "x0", "y0", "x1", "y1"]
    assert len(columns) == 7 + 5 * 66


def test_png_gives_back_the_pixels(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    write_png(tmp_path / "x.png", picture)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "x.png")), picture)


def test_an_old_file_is_replaced_or_kept_whole(
    photo: PhotoFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "x.json"
    target.write_text("old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fail)
        with pytest.raises(OSError, match="disk full"):
            write_json(target, photo)
    assert target.read_text() == "old"
    write_json(target, photo)
    assert json.loads(target.read_text())["schema"] == SCHEMA
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]


def test_files_can_be_read_by_others(photo: PhotoFaces, tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_json(tmp_path / "x.json", photo)
    assert (tmp_path / "x.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_missing_folder(photo: PhotoFaces, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        write_json(tmp_path / "nowhere" / "x.json", photo)
