"""``face-alignment-3d video``: what it writes, and what is left when it is stopped."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import skimage.data
import trimesh
from pygltflib import GLTF2
from pythonosc.osc_packet import OscPacket
from scipy.spatial.transform import Rotation

import face_alignment_3d
from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.blendshapes import Blendshapes
from face_alignment_3d.cli import main
from face_alignment_3d.cli.result_files import VIDEO_FORMATS
from face_alignment_3d.detection.candidate_selection import MIN_CONFIDENCE
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import NAMES
from face_alignment_3d.pose import rotation_by
from face_alignment_3d.pose.mean_face import MEAN_FACE
from tests.video.videos import audio_seconds, read_pictures, read_times, write_video

TIMES = [0, 33, 70, 100, 300, 333, 500, 533]
ROOT = Path(__file__).resolve().parents[2]


class Smiling:
    """Stands for what estimates blendshapes."""

    def annotate(self, face):
        values = np.full(len(BLENDSHAPES), np.nan)
        values[BLENDSHAPES.index("mouthSmileLeft")] = 0.5
        return replace(face, blendshapes=Blendshapes(values))


class OneFace:
    """A face in the middle of every frame; None detects, as of the aligner."""

    after = None
    options: dict = {}  # noqa: RUF012

    def __init__(self, weights, **options):
        OneFace.options = {"weights": weights, **options}
        self.blendshape_estimator = Smiling() if options.get("blendshapes") else None
        self.frames = 0

    def load(self, *, detector=True):
        pass

    def detect(self, image, *, boxes=None):
        self.frames += boxes is None or len(boxes) > 0
        if OneFace.after is not None and self.frames >= 3:
            OneFace.after()
        height, width = image.shape[:2]
        points = MEAN_FACE * (0.2 * height) + [width / 2, height / 2, 0]
        box = np.array([0.3 * width, 0.2 * height, 0.7 * width, 0.8 * height], np.float32)
        confidence = np.full(66, 0.7, np.float32)
        return [Face3D(points.astype(np.float32), confidence, box, 0.9)]


@pytest.fixture
def one_face(monkeypatch, tmp_path):
    monkeypatch.setattr(face_alignment_3d, "FaceAligner3D", OneFace, raising=False)
    monkeypatch.setattr(OneFace, "after", None)
    monkeypatch.chdir(tmp_path)


def _names(folder):
    return {path.name for path in folder.iterdir()}


def test_default_is_video_and_json(one_face, tmp_path, capsys):
    write_video(tmp_path / "clip.mp4", TIMES, audio_codec="aac")
    assert main(["video", "clip.mp4"]) == 0
    assert _names(tmp_path) == {"clip.mp4", "clip_landmarks.mp4", "clip.json"}
    captured = capsys.readouterr()
    assert captured.out == "8 frames, 1 face followed: wrote clip_landmarks.mp4 and clip.json\n"
    np.testing.assert_allclose(read_times("clip_landmarks.mp4"), np.array(TIMES) / 1000, atol=0.0011)
    assert audio_seconds("clip_landmarks.mp4") is not None
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
    write_video(tmp_path / "clip.mp4", TIMES)
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


def test_names_follow_the_video_that_is_asked_for(one_face, tmp_path):
    write_video(tmp_path / "clip.mp4", TIMES, rotation=90)
    assert main(["video", "clip.mp4", "-o", "out/drawn.mkv", "--json", "--no-smooth", "--device", "cpu"]) == 0
    assert _names(tmp_path / "out") == {"drawn.mkv", "drawn.json"}
    assert json.loads((tmp_path / "out" / "drawn.json").read_text())["width"] == 48
    assert OneFace.options == {
        **{"weights": "lite", "device": "cpu", "backend": "auto"},
        **{"detector": "combined", "min_confidence": MIN_CONFIDENCE, "blendshapes": False, "offline": None},
        "threads": None,
    }


def test_backend_and_smallest_face(one_face, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(
        "face_alignment_3d.detection.combined.CombinedDetector",
        lambda **options: made.append(options) or "mine",
    )
    write_video(tmp_path / "clip.mp4", TIMES)
    assert main(["video", "clip.mp4", "--csv", "--backend", "onnx", "--min-face", "17"]) == 0
    assert made == [{"backend": "onnx", "device": "auto", "min_face_size": 17, "threads": None}]
    assert (OneFace.options["backend"], OneFace.options["detector"]) == ("onnx", "mine")


def test_every_format(one_face, tmp_path, capsys):
    write_video(tmp_path / "clip.mp4", TIMES)
    arguments = [option for kind in VIDEO_FORMATS for option in ("--export", kind)]
    assert main(["video", "clip.mp4", "--markup", "68", "--csv", *arguments]) == 0
    files = ["clip.json", "clip.csv", "clip.npz", "clip.openface.csv", "clip.livelink.csv", "clip.glb"]
    assert _names(tmp_path) == {"clip.mp4", *files}
    assert capsys.readouterr().out == f"8 frames, 1 face followed: wrote {' and '.join(files)}\n"
    table = pd.read_csv("clip.livelink.csv")
    assert table["MouthSmileLeft"].tolist() == [0.5] * 8  # By itself; the other table has what was asked for.
    assert "mouthSmileLeft" not in pd.read_csv("clip.csv").columns
    codes = table["Timecode"].tolist()
    with np.load("clip.npz") as arrays:
        assert arrays["landmarks"].shape == (8, 68, 3)
    assert codes[0] == "00:00:00:00.000"
    assert len(set(codes)) == 8
    table = pd.read_csv("clip.openface.csv")
    np.testing.assert_allclose(table["timestamp"], np.array(TIMES) / 1000, atol=0.0011)
    content = GLTF2().load("clip.glb")
    clock = content.accessors[content.animations[0].samplers[0].input]
    assert (clock.count, clock.max) == (8, [pytest.approx(0.533, abs=0.002)])
    assert set(trimesh.load("clip.glb").graph.nodes_geometry) == set(NAMES)


def test_no_face_no_animation(one_face, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(OneFace, "detect", lambda *_, **__: [])
    write_video(tmp_path / "clip.mp4", TIMES)
    assert main(["video", "clip.mp4", "--export", "gltf", "--export", "livelink"]) == 0
    assert capsys.readouterr().out == "8 frames, 0 faces followed: nothing written\n"
    assert _names(tmp_path) == {"clip.mp4"}


@pytest.fixture
def listener():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(5)
        yield ear


def _heard(ear, datagrams):
    """For each datagram: OSC address -> parameters."""
    packets = [OscPacket(ear.recv(65536)) for _ in range(datagrams)]
    return [{timed.message.address: timed.message.params for timed in p.messages} for p in packets]


class _Clock:
    """Time that passes only in sleep."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def test_a_video_is_streamed_at_its_own_speed(one_face, tmp_path, listener, capsys, monkeypatch):
    clock = _Clock()
    monkeypatch.setattr("face_alignment_3d.cli.vmc_stream.time", clock)
    monkeypatch.setattr("face_alignment_3d.export.vmc.time", clock)
    write_video(tmp_path / "clip.mp4", TIMES)
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    assert main(["video", "clip.mp4", "--vmc", address]) == 0
    assert capsys.readouterr().out == f"8 frames, 1 face followed: streamed to {address}\n"
    assert _names(tmp_path) == {"clip.mp4"}
    heard = _heard(listener, 8)
    sent = np.array([frame["/VMC/Ext/T"][0] for frame in heard])
    np.testing.assert_allclose(sent - sent[0], np.array(TIMES) / 1000, atol=0.001)
    for frame in heard:
        assert frame["/VMC/Ext/Bone/Pos"][:4] == ["Head", 0, 0, 0]
        np.testing.assert_allclose(frame["/VMC/Ext/Bone/Pos"][4:], [0, 0, 0, 1], atol=0.02)


def test_blendshapes(one_face, tmp_path, listener):
    write_video(tmp_path / "clip.mp4", TIMES)
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    arguments = ["--csv", "--export", "livelink", "--vmc", address]
    assert main(["video", "clip.mp4", "--blendshapes", *arguments]) == 0
    assert OneFace.options["blendshapes"] is True
    assert pd.read_csv("clip.csv")["mouthSmileLeft"].tolist() == [0.5] * 8
    assert pd.read_csv("clip.livelink.csv")["MouthSmileLeft"].tolist() == [0.5] * 8
    for heard in _heard(listener, 8):
        assert heard["/VMC/Ext/Blend/Val"] == ["mouthSmileLeft", 0.5]


def test_a_stream_beside_files(one_face, tmp_path, listener, capsys):
    write_video(tmp_path / "clip.mp4", TIMES)
    assert main(["video", "clip.mp4", "--json", "--vmc", f"127.0.0.1:{listener.getsockname()[1]}"]) == 0
    assert "wrote clip.json, streamed to 127.0.0.1:" in capsys.readouterr().out
    assert len(_heard(listener, 8)) == 8


def test_a_network_that_fails_does_not_end_the_work(one_face, tmp_path, monkeypatch, capsys):
    def fail(*_, **__):
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr("face_alignment_3d.export.VMCSender.send", fail)
    write_video(tmp_path / "clip.mp4", TIMES)
    assert main(["video", "clip.mp4", "--json", "--vmc", "127.0.0.1:39539"]) == 0
    assert capsys.readouterr().err.count("warning: --vmc 127.0.0.1:39539: Network is unreachable") == 1
    assert len(json.loads(Path("clip.json").read_text())["frames"]) == 8


def test_nowhere_to_stream_to(one_face, tmp_path, monkeypatch, capsys):
    write_video(tmp_path / "clip.mp4", TIMES)
    with pytest.raises(SystemExit) as stop:
        main(["video", "clip.mp4", "--vmc", "localhost"])
    assert stop.value.code == 2
    assert "--vmc: expected HOST:PORT, such as 127.0.0.1:39539" in capsys.readouterr().err
    assert main(["video", "clip.mp4", "--json", "--vmc", f"{'x' * 70}:39539"]) == 2
    assert "nothing can be sent there" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "pythonosc.osc_bundle_builder", None)
    assert main(["video", "clip.mp4", "--json", "--vmc", "127.0.0.1:39539"]) == 2
    assert "pip install 'face-alignment-3d[osc]'" in capsys.readouterr().err
    assert _names(tmp_path) == {"clip.mp4"}


def test_a_video_that_breaks_off(one_face, tmp_path, capsys):
    whole = write_video(tmp_path / "a.mp4", range(0, 6000, 33), options={"movflags": "faststart"})
    content = whole.read_bytes()
    (tmp_path / "part.mp4").write_bytes(content[: len(content) // 2])
    assert main(["video", "part.mp4", "-o", "out.mp4", "--json"]) == 1
    assert "warning: part.mp4: the video breaks off" in capsys.readouterr().err
    frames = json.loads(Path("out.json").read_text())
    assert not frames["complete"]
    assert len(frames["frames"]) == len(read_times("out.mp4")) > 20


@pytest.mark.usefixtures("terminal_signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped(one_face, tmp_path, monkeypatch, capsys, number, code):
    monkeypatch.setattr(OneFace, "after", staticmethod(lambda: os.kill(os.getpid(), number)))
    write_video(tmp_path / "clip.mp4", TIMES, audio_codec="aac")
    arguments = [option for kind in VIDEO_FORMATS for option in ("--export", kind)]
    assert main(["video", "clip.mp4", "-o", "out.mp4", *arguments]) == code
    assert capsys.readouterr().out.startswith("stopped early: 3 frames, 1 face followed")
    assert len(read_times("out.mp4")) == 3
    content = json.loads(Path("out.json").read_text())
    assert len(content["frames"]) == 3
    assert not content["complete"]
    for name in ("out.csv", "out.openface.csv", "out.livelink.csv"):
        assert len(pd.read_csv(name)) == 3
    samplers = GLTF2().load("out.glb").animations[0].samplers
    assert {GLTF2().load("out.glb").accessors[sampler.output].count for sampler in samplers} == {3}
    with np.load("out.npz") as arrays:
        assert len(arrays["time"]) == 3
    data = {"out.json", "out.csv", "out.npz", "out.openface.csv", "out.livelink.csv", "out.glb"}
    assert _names(tmp_path) == {"clip.mp4", "out.mp4"} | data


@pytest.mark.parametrize("error", [OSError("no more"), MemoryError(), RuntimeError("CUDA out of memory")])
def test_an_error_keeps_what_was_done(one_face, tmp_path, monkeypatch, capsys, error):
    def fail():
        raise error

    monkeypatch.setattr(OneFace, "after", staticmethod(fail))
    write_video(tmp_path / "clip.mp4", TIMES, audio_codec="aac")
    arguments = [option for kind in VIDEO_FORMATS for option in ("--export", kind)]
    assert main(["video", "clip.mp4", "-o", "out.mp4", *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("stopped early: 2 frames, 1 face followed: wrote ")
    assert f"error: clip.mp4: stopped at frame 2: {error or 'MemoryError'}" in captured.err
    assert len(read_times("out.mp4")) == 2
    content = json.loads(Path("out.json").read_text())
    assert (len(content["frames"]), content["complete"]) == (2, False)
    data = {"out.json", "out.csv", "out.npz", "out.openface.csv", "out.livelink.csv", "out.glb"}
    assert _names(tmp_path) == {"clip.mp4", "out.mp4"} | data


def test_an_error_at_the_first_frame_leaves_nothing(one_face, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError("no more")

    monkeypatch.setattr(OneFace, "detect", fail)
    write_video(tmp_path / "clip.mp4", TIMES)
    assert main(["video", "clip.mp4", "-o", "out.mp4", "--json"]) == 2
    assert _names(tmp_path) == {"clip.mp4"}


@pytest.mark.parametrize(
    ("broken", "kept"),
    [
        ("face_alignment_3d.video.writer.VideoWriter.write", {"out.json", "out.csv"}),
        ("face_alignment_3d.video.writer.VideoWriter.finish", {"out.json", "out.csv"}),
        ("face_alignment_3d.export.json_file.JsonFrameWriter.add", {"out.mp4", "out.csv"}),
        ("face_alignment_3d.export.csv_file.CsvFrameWriter.finish", {"out.mp4", "out.json"}),
    ],
)
def test_one_file_that_cannot_be_written_does_not_take_the_others(
    one_face, tmp_path, monkeypatch, capsys, broken, kept
):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(broken, fail)
    write_video(tmp_path / "clip.mp4", TIMES)
    assert main(["video", "clip.mp4", "-o", "out.mp4", "--json", "--csv"]) == 1
    assert _names(tmp_path) == {"clip.mp4"} | kept
    assert "cannot be written: [Errno 28] No space left on device" in capsys.readouterr().err
    if "out.json" in kept:
        content = json.loads(Path("out.json").read_text())
        assert (len(content["frames"]), content["complete"]) == (8, True)


def test_audio_that_is_left_out_is_told(one_face, tmp_path, monkeypatch, capsys):
    def fail(*_, **__):
        raise ValueError("odd audio")

    monkeypatch.setattr("face_alignment_3d.video.audio._CopiedTrack.write", fail)
    write_video(tmp_path / "clip.mp4", TIMES, audio_codec="aac")
    assert main(["video", "clip.mp4"]) == 1
    assert "audio track 1 ends at 0.0 s: odd audio" in capsys.readouterr().err
    assert len(read_times("clip_landmarks.mp4")) == 8
    assert json.loads(Path("clip.json").read_text())["complete"]


def test_a_frame_size_that_changes_is_told(one_face, tmp_path, capsys):
    first = write_video(tmp_path / "a.ts", range(0, 330, 33)).read_bytes()
    second = write_video(tmp_path / "b.ts", range(330, 660, 33), height=96, width=64).read_bytes()
    (tmp_path / "call.ts").write_bytes(first + second)
    assert main(["video", "call.ts", "-o", "out.mp4", "--json"]) == 0
    assert "frame 10 and those after it have 64 x 96 pixels" in capsys.readouterr().err
    assert len(read_times("out.mp4")) == 20
    frames = json.loads(Path("out.json").read_text())["frames"]
    assert len(frames) == 20
    assert (frames[12]["width"], frames[12]["height"]) == (64, 96)


def test_a_kill_leaves_no_broken_video(tmp_path):
    """Without a chance to tidy up, the video is not there, and what was there before still is."""
    write_video(tmp_path / "clip.mp4", range(0, 3000, 33))
    (tmp_path / "out.mp4").write_text("before")
    code = (
        f"import sys; sys.path[:0] = [{str(ROOT)!r}]\n"
        "import os, face_alignment_3d, tests.video.test_video_command as t\n"
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
    write_video(tmp_path / "clip.mp4", TIMES)
    (tmp_path / "text.mp4").write_text("no video")
    for arguments, message in (
        (["nowhere.mp4"], "no such video: nowhere.mp4"),
        (["text.mp4"], "text.mp4 cannot be read as a video"),
        (["clip.mp4", "-o", "clip.mp4"], "would replace the video"),
        (["clip.mp4", "-o", "out.gif"], "videos are written as .mp4, .mov, .mkv"),
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


@pytest.mark.parametrize("mirror", [[], ["--no-mirror"]])
def test_a_camera_is_streamed_as_the_person_moves(one_face, monkeypatch, listener, mirror):
    """The face is turned to the subject's left in the camera's picture, whatever the window shows."""
    turned = MEAN_FACE @ rotation_by(40, 0, 0).T

    def detect(_self, image, *, boxes=None):
        # The fake network sees what is in the picture: a bright half tells whether that is mirrored.
        mirrored = image[:, 80:].mean() > image[:, :80].mean()
        points = (MEAN_FACE @ rotation_by(-40, 0, 0).T if mirrored else turned) * 24 + [80, 60, 0]
        box = np.array([50, 30, 110, 100], np.float32)
        return [Face3D(points.astype(np.float32), np.full(66, 0.7, np.float32), box, 0.9)]

    monkeypatch.setattr(OneFace, "detect", detect)
    frame = np.full((120, 160, 3), 50, np.uint8)
    frame[:, :80] = 200
    Window(monkeypatch, frames=[frame] * 5)
    assert main(["webcam", "--vmc", f"127.0.0.1:{listener.getsockname()[1]}", *mirror]) == 0
    for heard in _heard(listener, 3):
        ahead = Rotation.from_quat(heard["/VMC/Ext/Bone/Pos"][4:]).apply([0, 0, 1])
        assert ahead[0] == pytest.approx(-np.sin(np.radians(40)), abs=0.03)  # To the avatar's left.


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
