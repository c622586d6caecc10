"""Result files of photos and videos are shown with their pictures where these are there."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from face_alignment_3d.errors import FaceAlignmentError
from face_alignment_3d.export import FRAME_WRITERS, FrameFaces, PhotoFaces, VideoInfo, write_json
from face_alignment_3d.video.tracked_face import TrackedFace3D
from face_alignment_3d.view import ResultFile
from tests.video.videos import write_video
from tests.view import shown_faces


def _photo(folder: Path, image: str) -> Path:
    write_json(folder / "a.json", PhotoFaces(image, 240, 320, [shown_faces.face(yaw=15)]))
    return folder / "a.json"


def test_a_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(shown_faces.picture()).save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    result = ResultFile(_photo(tmp_path, "elsewhere/photo.png"))
    assert result.source is not None
    assert result.source.resolve() == tmp_path / "photo.png"
    assert "data:image/webp" in result.page().html()


def test_without_the_photo(tmp_path: Path) -> None:
    result = ResultFile(_photo(tmp_path, "gone.png"))
    assert result.source is None
    html = result.page().html()
    assert '"picture":null' in html
    assert '"yaw":15' in html.replace("15.0", "15")


def test_a_video(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", [0, 100, 200])
    record = FRAME_WRITERS["json"](tmp_path / "v.json", VideoInfo("v.mp4", 48, 64))
    face = shown_faces.face()
    for index in range(3):
        tracked = TrackedFace3D(face.landmarks, face.confidence, face.box, None, track_id=7)
        record.add(FrameFaces(index, index / 10, 48, 64, [tracked]))
    record.finish(complete=True)
    html = ResultFile(tmp_path / "v.json").page().html()
    assert html.count("data:image/webp") == 3
    assert html.count('"id":7') == 3


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        json.dumps({"schema": "something/1"}),
        json.dumps({"schema": "face-alignment-3d/3", "image": "a", "width": 1, "height": 1, "faces": [{}]}),
        json.dumps({"schema": "face-alignment-3d/3", "image": 3, "width": 1, "height": 1, "faces": []}),
    ],
)
def test_other_files(tmp_path: Path, content: str) -> None:
    (tmp_path / "other.json").write_text(content, encoding="utf-8")
    with pytest.raises(FaceAlignmentError, match="expected a JSON file that align or video wrote"):
        ResultFile(tmp_path / "other.json")


def test_landmarks_of_another_shape(tmp_path: Path) -> None:
    file = _photo(tmp_path, "gone.png")
    content = json.loads(file.read_text(encoding="utf-8"))
    content["faces"][0]["landmarks"] = np.zeros((68, 3)).tolist()
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(FaceAlignmentError, match=r"shape \(68, 3\)"):
        ResultFile(file)
