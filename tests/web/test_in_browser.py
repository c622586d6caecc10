"""The browser's aligner finds what Python's does, and its page works with photos, a camera and no network."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
from PIL import Image

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.arkit import VISIBLE
from face_alignment_3d.blendshapes import BlendshapeEstimator
from face_alignment_3d.face import Face3D
from face_alignment_3d.images import as_rgb
from face_alignment_3d.markup import NAMES
from face_alignment_3d.pose import estimate_pose
from face_alignment_3d.video.motion import face_size
from tests.browser import WEB, find_chromium, run_in_chromium

_DIST = WEB / "dist"


def _dist() -> Path:
    find_chromium()
    if not (_DIST / "index.html").is_file():
        pytest.skip("needs web/dist: npm run build in web/")
    return _DIST


def _photos() -> Iterator[tuple[str, npt.NDArray[np.uint8]]]:
    astronaut = skimage.data.astronaut()
    yield "640.png", np.asarray(cv2.resize(astronaut, (640, 640), interpolation=cv2.INTER_CUBIC), np.uint8)
    yield "profile.png", as_rgb(skimage.data.camera())
    yield "lying.png", np.ascontiguousarray(np.rot90(astronaut))
    yield "250.png", np.asarray(cv2.resize(astronaut, (250, 250), interpolation=cv2.INTER_AREA), np.uint8)


@dataclass
class Comparison:
    """Faces of the same photos in Python and in the browser."""

    given: list[list[Face3D]]
    found: list[list[Face3D]]
    seen: dict[str, Any]


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    dist, folder = _dist(), tmp_path_factory.mktemp("photos")
    info = json.loads((dist / "models" / "models.json").read_text(encoding="utf-8"))
    aligner = FaceAligner3D(info["cascade"]["name"], backend="onnx", blendshapes=True, offline=True)
    given, found, listed = [], [], []
    for name, photo in _photos():
        Image.fromarray(photo).save(folder / name)
        faces = aligner.detect(photo)
        box = faces[0].box.tolist()
        found.append(faces)
        given.append(aligner.detect(photo, boxes=[box]))
        listed.append({"file": f"/{name}", "boxes": [box]})
    (folder / "photos.json").write_text(json.dumps(listed), encoding="utf-8")
    seen = run_in_chromium("align.mjs", dist, folder, "wasm")
    milliseconds = np.array(seen["times"])
    best = 1000 / milliseconds.min()
    print(f"{1000 / np.median(milliseconds):.1f} fps at the median, {best:.1f} at best")  # noqa: T201
    return Comparison(given, found, seen)


def _compare(expected: list[Face3D], faces: list[dict[str, Any]], *, pixels: float, depth: float) -> None:
    assert len(faces) == len(expected)
    for face, here in zip(expected, faces, strict=True):
        difference = np.abs(np.array(here["landmarks"]) - face.landmarks)
        assert difference[:, :2].max() < pixels
        assert difference[:, 2].max() < depth * face_size(face.landmarks)
        np.testing.assert_allclose(here["confidence"], face.confidence, atol=0.03)
        assert face.visibility is not None
        np.testing.assert_allclose(here["visibility"], face.visibility, atol=0.03)
        assert here["certainty"] == pytest.approx(face.certainty, abs=0.01)


def test_landmarks_in_given_boxes(comparison: Comparison) -> None:
    for expected, result in zip(comparison.given, comparison.seen["results"], strict=True):
        _compare(expected, result["given"], pixels=0.05, depth=0.001)


def test_landmarks_of_found_faces(comparison: Comparison) -> None:
    for expected, result in zip(comparison.found, comparison.seen["results"], strict=True):
        _compare(expected, result["found"], pixels=1.0, depth=0.01)
        for face, here in zip(expected, result["found"], strict=True):
            np.testing.assert_allclose(here["box"], face.box, atol=0.2)
            assert here["score"] == pytest.approx(face.score, abs=0.01)


def test_poses_and_blendshapes_of_the_same_landmarks(comparison: Comparison) -> None:
    estimator = BlendshapeEstimator()
    for result in comparison.seen["results"]:
        for here in result["given"] + result["found"]:
            landmarks = np.array(here["landmarks"], np.float32)
            pose = estimate_pose(landmarks)
            for name in ("yaw", "pitch", "roll", "scale"):
                assert here["pose"][name] == pytest.approx(getattr(pose, name), abs=0.002)
            np.testing.assert_allclose(here["pose"]["rotation"], pose.rotation, atol=1e-5)
            np.testing.assert_allclose(here["pose"]["translation"], pose.translation, atol=1e-3)
            expected = estimator.estimate(
                Face3D(landmarks, np.ones(66, np.float32), np.zeros(4, np.float32), None)
            )
            assert list(here["blendshapes"]) == list(VISIBLE)
            for name, value in here["blendshapes"].items():
                assert value == pytest.approx(expected[name], abs=1e-3)


def test_a_face_that_moves_far_is_followed(comparison: Comparison) -> None:
    (first,), (second,), gone = comparison.seen["tracked"]
    assert first["id"] == second["id"] == 0
    moved = np.array(second["landmarks"]) - first["landmarks"]
    np.testing.assert_allclose(moved[:, :2].mean(axis=0), [40, 0], atol=1)
    assert np.abs(moved[:, :2] - [40, 0]).max() < 0.05 * face_size(np.array(first["landmarks"]))
    assert gone == []


def test_names_and_errors(comparison: Comparison) -> None:
    assert comparison.seen["names"] == list(NAMES)
    assert comparison.seen["provider"] == "wasm"
    assert all(error.startswith("TypeError: expected boxes") for error in comparison.seen["errors"])
    assert comparison.seen["complaints"] == []


def test_the_page_with_a_photo_a_camera_and_no_network(tmp_path: Path) -> None:
    dist = _dist()
    photo = dict(_photos())["640.png"][:480]
    Image.fromarray(photo).save(tmp_path / "photo.png")
    (tmp_path / "no-photo.png").write_text("nothing to see", encoding="utf-8")
    with (tmp_path / "camera.mjpeg").open("wb") as camera:
        for shift in range(0, 40, 2):
            frame = io.BytesIO()
            Image.fromarray(np.roll(photo, shift, axis=1)).save(frame, "JPEG", quality=90)
            camera.write(frame.getvalue())
    seen = run_in_chromium("live_page.mjs", dist, tmp_path)
    assert seen["complaints"] == []
    assert all(request.startswith(seen["origin"]) for request in seen["requests"])
    assert seen["photo"]["faces"] == "1"
    for shown in (seen["photo"], seen["camera"]):
        yaw, pitch, roll = (float(number.rstrip("°")) for number in shown["pose"])
        assert abs(yaw) < 30
        assert abs(pitch) < 30
        assert abs(roll) < 10
        assert list(shown["bars"]) == list(VISIBLE)
        assert shown["bars"]["mouthSmileLeft"] > 0.2
    assert "cannot be read as a picture" in seen["error"]
    assert seen["camera"]["state"] == "camera"
    assert seen["camera"]["faces"] == "1"
    assert "frames a second" in seen["camera"]["text"]
    assert seen["offline"] == "1"
    assert seen["isolated"]


def test_the_files_are_small() -> None:
    assert sum(file.stat().st_size for file in _dist().rglob("*") if file.is_file()) < 20_000_000
