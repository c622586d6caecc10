"""Each example runs as its first line says, and leaves what it prints."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "photo.png"
    Image.fromarray(skimage.data.astronaut()).save(file)
    return file


def _run(name: str, folder: Path, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(EXAMPLES.parent), *sys.path])},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _pixels(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def _is_marked(drawn: np.ndarray) -> bool:
    """True if the picture differs from the photo, but only at the astronaut's face."""
    changed = np.abs(drawn - skimage.data.astronaut()).max(axis=2) > 30
    y, x = np.nonzero(changed)
    return bool(100 < changed.sum() < 20_000 and x.min() > 130 and x.max() < 320 and y.max() < 230)


def test_photo_to_landmarks(tmp_path: Path) -> None:
    out = _run("photo_to_landmarks", tmp_path)
    assert re.search(r"x 2\d\d\.\d, y 1\d\d\.\d, z -\d+\.\d px", out)
    assert _is_marked(_pixels(tmp_path / "out" / "landmarks.png"))
    content = json.loads((tmp_path / "out" / "landmarks.json").read_text())
    assert (content["width"], content["height"], len(content["faces"])) == (512, 512, 1)


def test_photo_to_landmarks_of_a_given_photo(tmp_path: Path, photo: Path) -> None:
    _run("photo_to_landmarks", tmp_path, photo, "deep/er")
    assert (tmp_path / "deep" / "er" / "landmarks.json").is_file()


def test_opencv_bgr(tmp_path: Path) -> None:
    _run("opencv_bgr", tmp_path)
    assert _is_marked(_pixels(tmp_path / "out" / "opencv.png"))


def test_own_boxes(tmp_path: Path, photo: Path) -> None:
    default = _run("own_boxes", tmp_path)
    low, high = map(float, re.findall(r"-?[\d.]+", default.splitlines()[0])[:2])
    assert 160 < low < 200 < 240 < high < 290
    assert _run("own_boxes", tmp_path, photo, 179, 88, 269, 178) == default


def test_own_detector(tmp_path: Path) -> None:
    assert _run("own_detector", tmp_path) == "1 faces, array of shape (1, 66, 3)\n"


def test_batch(tmp_path: Path) -> None:
    assert _run("batch", tmp_path).startswith("3 faces in 3 photos: wrote ")
    with (tmp_path / "out" / "landmarks.csv").open(newline="") as handle:
        rows = {row["image"]: row for row in csv.DictReader(handle)}
    nose = {name: float(row["x_30"]) for name, row in rows.items()}
    assert nose["mirrored"] == pytest.approx(511 - nose["astronaut"], abs=6)
    assert nose["half the size"] == pytest.approx(nose["astronaut"] / 2, abs=4)


def test_depth_plot(tmp_path: Path) -> None:
    _run("depth_plot", tmp_path)
    picture = _pixels(tmp_path / "out" / "depth.png")
    assert picture.shape == (400, 1200, 3)
    for view in np.split(picture, 3, axis=1):
        assert (view.max(axis=2) > 100).sum() > 1000


def test_head_pose(tmp_path: Path) -> None:
    out = _run("head_pose", tmp_path)
    yaw, pitch, roll = (float(number) for number in re.findall(r"-?\d+\.\d", out.splitlines()[0]))
    assert max(abs(yaw), abs(pitch)) < 25
    assert 0 < roll < 25  # She leans to the image's right.
    assert float(re.findall(r"mouth open by (\d\.\d+)", out)[0]) > 0.1  # She smiles.
    assert _is_marked(_pixels(tmp_path / "out" / "head_pose.png"))


def test_ar_overlay(tmp_path: Path, photo: Path) -> None:
    out = _run("ar_overlay", tmp_path)
    assert 0.3 < float(out.split()[0]) < 1.5
    changed = np.abs(_pixels(tmp_path / "out" / "cube.png") - skimage.data.astronaut()).max(axis=2) > 30
    y, x = np.nonzero(changed)
    assert 300 < changed.sum() < 20_000
    assert x.min() < 179 < 269 < x.max()  # Around the face.
    assert y.min() < 88 < 178 < y.max()
    assert _run("ar_overlay", tmp_path, photo, "other") == out


def test_osc_stream(tmp_path: Path) -> None:
    heard, sent = _run("osc_stream", tmp_path).splitlines()
    address, bone, *quaternion = heard.split()
    assert (address, bone) == ("/VMC/Ext/Bone/Pos", "Head")
    assert np.linalg.norm(np.array(quaternion, float)) == pytest.approx(1, abs=1e-5)
    assert sent.startswith("sent yaw ")


def test_live_link(tmp_path: Path) -> None:
    assert _run("live_link", tmp_path) == "wrote 30 rows of the first face to out/live_link.csv\n"
    with (tmp_path / "out" / "live_link.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["Timecode"] for row in rows] == [f"00:00:00:{index:02d}.000" for index in range(30)]
    smiles = [float(row[f"MouthSmile{side}"]) for row in rows for side in ("Left", "Right")]
    assert min(smiles) > 0.2  # She smiles.
    assert max(float(row["EyeBlinkLeft"]) for row in rows) < 0.4
    assert all(-0.1 < float(row["HeadRoll"]) < 0.2 for row in rows)


def test_video_loop(tmp_path: Path) -> None:
    lines = _run("video_loop", tmp_path).splitlines()
    assert len(lines) == 60
    assert all(": face 0, tip of the nose at " in line for line in lines)
    first, last = (float(re.findall(r"y (\d+\.\d)", lines[i])[0]) for i in (0, -1))
    assert first - last == pytest.approx(59, abs=3)


def test_examples_are_short_and_all_tested() -> None:
    names = sorted(file.stem for file in EXAMPLES.glob("*.py"))
    tests = Path(__file__).read_text(encoding="utf-8")
    for name in names:
        assert f'_run("{name}"' in tests, f"no test runs examples/{name}.py"
        assert len((EXAMPLES / f"{name}.py").read_text(encoding="utf-8").splitlines()) < 30
