"""``face-alignment-3d video``: what it writes, and what is left when it is stopped."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from films import read_pictures, read_times, sound_seconds, write_film

import face_alignment_3d
from face_alignment_3d.cli import main
from face_alignment_3d.face import Face3D
from face_alignment_3d.pose.mean_face import MEAN_FACE

TIMES = [0, 33, 70, 100, 300, 333, 500, 533]
ROOT = Path(__file__).resolve().parents[2]


class OneFace:
    """A face in the middle of every frame; None detects, as of the aligner."""

    after = None
    options: dict = {}  # noqa: RUF012

    def __init__(self, weights, **options):
        OneFace.options = {"weights": weights, **options}
        self.frames = 0

    def detect(self, image, *, boxes=None):
        self.frames += boxes is None or len(boxes) > 0
        if OneFace.after is not None and self.frames >= 3:
            OneFace.after()
        height, width = image.shape[:2]
        points = MEAN_FACE * (0.2 * height) + [width / 2, height / 2, 0]
        box = np.array([0.3 * width, 0.2 * height, 0.7 * width, 0.8 * height], np.float32)
        return [Face3D(points.astype(np.float32), np.full(66, 0.7, np.float32), box, 0.9)]


@pytest.fixture
def one_face(monkeypatch, tmp_path):
    monkeypatch.setattr(face_alignment_3d, "FaceAligner3D", OneFace, raising=False)
    monkeypatch.setattr(OneFace, "after", None)
    monkeypatch.chdir(tmp_path)


def _names(folder):
    return {path.name for path in folder.iterdir()}


def test_default_is_film_and_json(one_face, tmp_path, capsys):
    write_film(tmp_path / "clip.mp4", TIMES, sound="aac")
    assert main(["video", "clip.mp4"]) == 0
    assert _names(tmp_path) == {"clip.mp4", "clip_landmarks.mp4", "clip.json"}
    captured = capsys.readouterr()
    assert captured.out == "8 frames, 1 face followed: wrote clip_landmarks.mp4 and clip.json\n"
    np.testing.assert_allclose(read_times("clip_landmarks.mp4"), np.array(TIMES) / 1000, atol=0.0011)
    assert sound_seconds("clip_landmarks.mp4") is not None
    drawn, plain = read_pictures("clip_landmarks.mp4")[4], read_pictures("clip.mp4")[4]
    assert (np.abs(drawn.astype(int) - plain).max(axis=2) > 60).sum() > 50
    content = json.loads(Path("clip.json").read_text())
    assert (content["width"], content["height"], content["complete"]) == (64, 48, True)
    assert [frame["time"] for frame in content["frames"]] == pytest.approx(np.array(TIMES) / 1000, abs=0.001)
    (face,) = content["frames"][5]["faces"]
    assert face["track_id"] == 0
    assert np.array(face["landmarks"]).shape == (66, 3)
    assert "pose" in face


def test_data_alone(one_face, tmp_path):
    write_film(tmp_path / "clip.mp4", TIMES)
    assert main(["video", "clip.mp4", "--csv", "--npz"]) == 0
    assert _names(tmp_path) == {"clip.mp4", "clip.csv", "clip.npz"}
    with Path("clip.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with np.load("clip.npz") as arrays:
        assert arrays["landmarks"].shape == (8, 66, 3)
        assert arrays["track_id"].tolist() == [0] * 8
        assert bool(arrays["complete"])
        np.testing.assert_allclose(arrays["time"], np.array(TIMES) / 1000, atol=0.001)
        for row, points, index in zip(rows, arrays["landmarks"], arrays["frame"], strict=True):
            assert int(row["frame"]) == index
            assert float(row["x_30"]) == pytest.approx(points[30, 0])


def test_names_follow_the_film_that_is_asked_for(one_face, tmp_path):
    write_film(tmp_path / "clip.mp4", TIMES, rotation=90)
    assert main(["video", "clip.mp4", "-o", "out/drawn.mkv", "--json", "--no-smooth", "--device", "cpu"]) == 0
    assert _names(tmp_path / "out") == {"drawn.mkv", "drawn.json"}
    assert json.loads((tmp_path / "out" / "drawn.json").read_text())["width"] == 48
    assert OneFace.options == {"weights": "lite", "device": "cpu", "offline": None}


def test_a_film_that_breaks_off(one_face, tmp_path, capsys):
    whole = write_film(tmp_path / "a.mp4", range(0, 6000, 33), options={"movflags": "faststart"})
    content = whole.read_bytes()
    (tmp_path / "part.mp4").write_bytes(content[: len(content) // 2])
    assert main(["video", "part.mp4", "-o", "out.mp4", "--json"]) == 1
    assert "warning: part.mp4: the film breaks off" in capsys.readouterr().err
    frames = json.loads(Path("out.json").read_text())
    assert not frames["complete"]
    assert len(frames["frames"]) == len(read_times("out.mp4")) > 20


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped(one_face, tmp_path, monkeypatch, capsys, number, code):
    monkeypatch.setattr(OneFace, "after", staticmethod(lambda: os.kill(os.getpid(), number)))
    write_film(tmp_path / "clip.mp4", TIMES, sound="aac")
    assert main(["video", "clip.mp4", "-o", "out.mp4", "--json", "--csv", "--npz"]) == code
    assert capsys.readouterr().out.startswith("stopped early: 3 frames, 1 face followed")
    assert len(read_times("out.mp4")) == 3
    content = json.loads(Path("out.json").read_text())
    assert len(content["frames"]) == 3
    assert not content["complete"]
    assert len(Path("out.csv").read_text().splitlines()) == 4
    assert _names(tmp_path) == {"clip.mp4", "out.mp4", "out.json", "out.csv", "out.npz"}


def test_an_error_leaves_nothing(one_face, tmp_path, monkeypatch):
    def fail():
        raise OSError("no more")

    monkeypatch.setattr(OneFace, "after", staticmethod(fail))
    write_film(tmp_path / "clip.mp4", TIMES)
    assert main(["video", "clip.mp4", "-o", "out.mp4", "--json", "--npz", "--csv"]) == 2
    assert _names(tmp_path) == {"clip.mp4"}


def test_a_kill_leaves_no_broken_film(tmp_path):
    """Without a chance to tidy up, the film is not there, and what was there before still is."""
    write_film(tmp_path / "clip.mp4", range(0, 3000, 33))
    (tmp_path / "out.mp4").write_text("before")
    code = (
        f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]\n"
        "import os, face_alignment_3d, test_video_command as t\n"
        "from face_alignment_3d.cli import main\n"
        "face_alignment_3d.FaceAligner3D = t.OneFace\n"
        "t.OneFace.after = staticmethod(lambda: os.kill(os.getpid(), 9))\n"
        "main(['video', 'clip.mp4', '-o', 'out.mp4', '--json'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True)
    assert done.returncode == -9, done.stderr
    assert (tmp_path / "out.mp4").read_text() == "before"
    assert not (tmp_path / "out.json").exists()


def test_errors(one_face, tmp_path, capsys):
    write_film(tmp_path / "clip.mp4", TIMES)
    (tmp_path / "text.mp4").write_text("no film")
    for arguments, message in (
        (["nowhere.mp4"], "no such film: nowhere.mp4"),
        (["text.mp4"], "text.mp4 cannot be read as a film"),
        (["clip.mp4", "-o", "clip.mp4"], "would replace the film"),
        (["clip.mp4", "-o", "out.gif"], "films are written as .mp4, .mov, .mkv"),
    ):
        assert main(["video", *arguments]) == 2
        assert message in capsys.readouterr().err
    assert _names(tmp_path) == {"clip.mp4", "text.mp4"}


def test_webcam_without_a_display(monkeypatch, capsys):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert main(["webcam"]) == 2
    assert "there is no display here" in capsys.readouterr().err


class Window:
    """Stands for OpenCV's windows; the third picture brings a press of q."""

    def __init__(self, monkeypatch, *, frames):
        self.shown, self.frames, self.released = [], list(frames), False
        monkeypatch.setenv("DISPLAY", ":0")
        monkeypatch.setattr(cv2, "VideoCapture", lambda _: self)
        for name in ("namedWindow", "destroyAllWindows"):
            monkeypatch.setattr(cv2, name, lambda *_: None)
        monkeypatch.setattr(cv2, "imshow", lambda _, picture: self.shown.append(picture))
        monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: 1.0)
        monkeypatch.setattr(cv2, "waitKey", lambda _: ord("q") if len(self.shown) == 3 else -1)

    def isOpened(self):  # noqa: N802 - as OpenCV has it
        return bool(self.frames)

    def read(self):
        return (True, self.frames.pop(0)) if self.frames else (False, None)

    def release(self):
        self.released = True


def test_webcam(one_face, monkeypatch):
    frame = np.full((120, 160, 3), 50, np.uint8)
    window = Window(monkeypatch, frames=[frame] * 5)
    assert main(["webcam"]) == 0
    assert len(window.shown) == 3
    assert (np.abs(window.shown[2].astype(int) - frame).max(axis=2) > 60).sum() > 200
    assert window.released


def test_webcam_without_a_camera_or_windows(one_face, monkeypatch, capsys):
    Window(monkeypatch, frames=[])
    assert main(["webcam", "--camera", "7"]) == 2
    assert "camera 7 cannot be opened" in capsys.readouterr().err
    Window(monkeypatch, frames=[np.zeros((120, 160, 3), np.uint8)])
    assert main(["webcam"]) == 2
    assert "gives no more pictures" in capsys.readouterr().err

    def no_windows(*_):
        raise cv2.error("not implemented")

    monkeypatch.setattr(cv2, "namedWindow", no_windows)
    assert main(["webcam"]) == 2
    assert "pip install opencv-python" in capsys.readouterr().err


# With the embedded weights


def test_astronaut_leans_and_moves(tmp_path):
    """The real aligner: one identity, and landmarks that follow a head that turns upside down and back."""
    from face_alignment_3d.aligner import FaceAligner3D
    from face_alignment_3d.video import VideoAligner3D

    photo = skimage.data.astronaut()[:256, 100:356]
    aligner = FaceAligner3D(device="cpu", offline=True)
    reference = aligner.get_landmarks(photo)[0][:, :2]
    tracker = VideoAligner3D(aligner, fps=30)
    for index in range(24):
        matrix = cv2.getRotationMatrix2D((127.5, 127.5), -5.0 * index, 1.0)
        frame = cv2.warpAffine(photo, matrix, (256, 256), borderMode=cv2.BORDER_REFLECT)
        (face,) = tracker.track(frame)
        assert face.track_id == 0
        expected = reference @ matrix[:, :2].T + matrix[:, 2]
        eyes = np.linalg.norm(expected[36] - expected[45])
        error = np.linalg.norm(face.landmarks[:, :2] - expected, axis=1).mean() / eyes
        assert error < 0.08, (index, error)
