"""The browser's aligner finds what Python's does, and its page works with photos, a camera and no network.

Nothing is stored that depends on weights: Python computes what is expected at each run, from the weights that
are here, and ``npm run build`` in web/ takes the same.
"""

import io
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
from PIL import Image

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.arkit import VISIBLE
from face_alignment_3d.blendshapes import BlendshapeEstimator
from face_alignment_3d.detection.factory import DetectorName
from face_alignment_3d.detection.protocol import Detection
from face_alignment_3d.detection.scout.layout import CHANNELS, STRIDES, UNIT_STRIDES, cells
from face_alignment_3d.detection.scout.search import decoded
from face_alignment_3d.face import Face3D
from face_alignment_3d.images import as_rgb
from face_alignment_3d.markup import NAMES
from face_alignment_3d.pose import estimate_pose
from face_alignment_3d.video.motion import face_size
from tests.browser import WEB, find_chromium, find_node, run_in_chromium

_DIST = WEB / "dist"
#: Each of the weights and each of the detectors that a build has by default.
_ALIGNERS: Final[list[tuple[str, DetectorName]]] = [("lite", "mtcnn"), ("nano", "scout")]


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
class Photo:
    """The results of Python for a photo, and of the browser."""

    given: list[Face3D]
    found: list[Face3D]
    candidates: list[Detection]
    seen: dict[str, Any]


@dataclass
class Comparison:
    """The photos as each aligner has them, and all else that the browser said."""

    photos: dict[tuple[str, DetectorName], list[Photo]]
    seen: dict[str, Any]


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    dist, folder = _dist(), tmp_path_factory.mktemp("photos")
    aligners = [
        FaceAligner3D(weights, backend="onnx", detector=detector, blendshapes=True, offline=True)
        for weights, detector in _ALIGNERS
    ]
    photos = dict(_photos())
    boxes = {name: [aligners[0].detect(photo)[0].box.tolist()] for name, photo in photos.items()}
    for name, photo in photos.items():
        Image.fromarray(photo).save(folder / name)
    task = {
        "photos": [{"file": f"/{name}", "boxes": boxes[name]} for name in photos],
        "aligners": [{"weights": weights, "detector": detector} for weights, detector in _ALIGNERS],
    }
    (folder / "task.json").write_text(json.dumps(task), encoding="utf-8")
    seen = run_in_chromium("align.mjs", dist, folder, "wasm")
    compared = {
        key: [
            Photo(
                aligner.detect(photo, boxes=boxes[name]),
                aligner.detect(photo),
                aligner.detector.detect(photo),
                one,
            )
            for (name, photo), one in zip(photos.items(), result["photos"], strict=True)
        ]
        for key, aligner, result in zip(_ALIGNERS, aligners, seen["results"], strict=True)
    }
    return Comparison(compared, seen)


@pytest.fixture(params=_ALIGNERS, ids="-".join)
def compared(comparison: Comparison, request: pytest.FixtureRequest) -> list[Photo]:
    return comparison.photos[request.param]


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


def test_landmarks_in_given_boxes(compared: list[Photo]) -> None:
    for photo in compared:
        _compare(photo.given, photo.seen["given"], pixels=0.05, depth=0.001)


def test_landmarks_of_found_faces(compared: list[Photo]) -> None:
    for photo in compared:
        _compare(photo.found, photo.seen["found"], pixels=1.0, depth=0.01)
        for face, here in zip(photo.found, photo.seen["found"], strict=True):
            np.testing.assert_allclose(here["box"], face.box, atol=0.2)
            assert here["score"] == pytest.approx(face.score, abs=0.01)


def test_the_scout_finds_the_same_candidates(comparison: Comparison) -> None:
    for photo in comparison.photos["nano", "scout"]:
        candidates = photo.seen["candidates"]
        assert len(candidates) == len(photo.candidates)
        for face, here in zip(photo.candidates, candidates, strict=True):
            np.testing.assert_allclose(here["box"], face.box, atol=0.2)
            assert here["score"] == pytest.approx(face.score, abs=0.01)
            assert here["roll"] == pytest.approx(face.roll, abs=0.01)


def test_the_scout_decodes_as_in_python(tmp_path: Path) -> None:
    node = find_node()
    random = np.random.default_rng(5)
    cases = []
    for height, width, threshold in [(64, 96, 0.35), (32, 32, 0.05), (160, 128, 0.5)]:
        output = random.normal(scale=1.5, size=(len(cells(height, width)), CHANNELS)).astype(np.float32)
        output[0, 3:5] = 7, -7  # Beyond the largest and the smallest side.
        output[0, 0] = 9
        cases.append({"output": output.tolist(), "height": height, "width": width, "threshold": threshold})
    layout = {"strides": STRIDES, "unit_strides": UNIT_STRIDES}
    (tmp_path / "cases.json").write_text(json.dumps({"layout": layout, "cases": cases}), encoding="utf-8")
    script = [node, str(WEB / "test" / "decode_scout.mjs"), str(tmp_path / "cases.json")]
    results = json.loads(subprocess.run(script, capture_output=True, text=True, check=True).stdout)
    for case, here in zip(cases, results, strict=True):
        output = np.array(case["output"], np.float32)
        boxes, scores = decoded(output, case["height"], case["width"], threshold=case["threshold"])
        assert len(here) == len(boxes) > 3
        rows = [[*(face["box"][name] for name in ("x", "y", "width", "height", "roll"))] for face in here]
        expected = np.column_stack([boxes.centers, boxes.sides, boxes.rolls])
        np.testing.assert_allclose(rows, expected, rtol=1e-9)
        np.testing.assert_allclose([face["score"] for face in here], scores, rtol=1e-9)


def test_poses_and_blendshapes_of_the_same_landmarks(compared: list[Photo]) -> None:
    estimator = BlendshapeEstimator()
    for photo in compared:
        for here in photo.seen["given"] + photo.seen["found"]:
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
    assert comparison.seen["available"] == ["nano", "lite"]
    *boxes, weights, detector = comparison.seen["errors"]
    assert all(error.startswith("TypeError: expected boxes") for error in boxes)
    assert weights == "Error: expected weights nano or lite; got none"
    assert detector == "Error: expected detector scout or mtcnn; got none"
    assert comparison.seen["complaints"] == []


def test_the_page_with_a_photo_a_camera_and_no_network(tmp_path: Path) -> None:
    dist = _dist()
    photo = dict(_photos())["640.png"][:480]
    Image.fromarray(photo).save(tmp_path / "photo.png")
    (tmp_path / "no-photo.png").write_text("nothing to see", encoding="utf-8")
    with (tmp_path / "camera.mjpeg").open("wb") as film:
        for shift in range(0, 40, 2):
            frame = io.BytesIO()
            Image.fromarray(np.roll(photo, shift, axis=1)).save(frame, "JPEG", quality=90)
            film.write(frame.getvalue())
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
    assert seen["chosen"] == ["nano", "lite", "nano", "lite"]  # By default, chosen, in the address, kept.
    assert "(lite, " in seen["camera"]["afterwards"]
    assert seen["offline"]["faces"] == "1"
    assert seen["offline"]["weights"] == "lite"
    assert seen["isolated"]


def test_the_files_are_small() -> None:
    assert sum(file.stat().st_size for file in _dist().rglob("*") if file.is_file()) < 22_000_000
