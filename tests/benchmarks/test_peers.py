"""MediaPipe's side of the accuracy benchmark, with a stand-in worker that knows the faces."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from peers import environment, mediapipe_faces
from peers.mediapipe_faces import VERTICES_66, VERTICES_68, Z_SCALE, MediaPipe

from face_alignment_3d.crop import box_around
from face_alignment_3d.markup import FROM_68

# The brightest pixel is the middle of a face of 40 px; every mesh has another shape, so that order matters.
WORKER = """
import json, sys
import numpy as np
shape = np.random.default_rng(0).uniform(-20, 20, (478, 3))
for line in sys.stdin:
    request = json.loads(line)
    photos = np.load(request["photos"])
    meshes, counts = [], []
    for i in range(len(photos.files)):
        photo = photos[f"photo_{i}"]
        if photo.max() == 255:
            print(json.dumps({"error": "too bright"}), flush=True)
            break
        middles = np.argwhere(photo[..., 0] == photo.max())[:, ::-1] if photo.max() > 9 else []
        meshes += [shape * [1, 1, 1] + [x, y, 5] for x, y in middles]
        counts.append(len(middles))
    else:
        np.savez(request["answers"], counts=counts, meshes=np.array(meshes).reshape(-1, 478, 3))
        print(json.dumps({"answers": request["answers"]}), flush=True)
"""
SHAPE = np.random.default_rng(0).uniform(-20, 20, (478, 3))


@pytest.fixture
def mediapipe(tmp_path):
    worker = tmp_path / "worker.py"
    worker.write_text(WORKER)
    with MediaPipe(command=[sys.executable, str(worker)]) as started:
        yield started


def photo(*middles, value=200):
    image = np.zeros((150, 200, 3), np.uint8)
    for x, y in middles:
        image[y, x] = value
    return image


def face_at(x, y):
    points = SHAPE[VERTICES_66] + [x, y, 0]
    points[:, 2] = Z_SCALE * (points[:, 2] - points[:, 2].mean())
    return points


def test_the_markup():
    assert len(VERTICES_68) == len(set(VERTICES_68)) == 68
    assert max(VERTICES_68) < 478
    np.testing.assert_array_equal(VERTICES_66, np.delete(VERTICES_68, [60, 64]))
    assert len(FROM_68) == len(VERTICES_66)


def test_meshes_come_back_photo_by_photo(mediapipe):
    meshes = mediapipe.meshes([photo((50, 60), (120, 90)), photo(), photo((70, 70))])
    assert [len(mesh) for mesh in meshes] == [2, 0, 1]
    np.testing.assert_allclose(meshes[0][1], SHAPE + np.array([120, 90, 5]))
    np.testing.assert_allclose(mediapipe.meshes([photo((9, 8))])[0][0], SHAPE + np.array([9, 8, 5]))


def test_the_labelled_face_is_the_one_at_the_reference_box(mediapipe):
    boxes = np.stack([box_around(face_at(120, 90)), box_around(face_at(20, 20)), box_around(face_at(50, 50))])
    faces = mediapipe.in_photos([photo((50, 60), (120, 90)), photo((120, 90)), photo()], boxes)
    np.testing.assert_allclose(faces[0], face_at(120, 90), atol=1e-6)
    assert faces[1] is None, "somebody else"
    assert faces[2] is None, "nobody"


def test_points_in_a_crop_come_back_to_the_photo(mediapipe, monkeypatch):
    monkeypatch.setattr(mediapipe_faces, "_CROP_SIZE", 80)
    box = np.array([80.0, 50, 120, 90])  # The crop is 80 px: a pixel of it is one of the photo's.
    (face,) = mediapipe.in_crops([photo((100, 70))], box[None])
    # The crop's pixels lie between the photo's, so that the bright pixel is spread over four.
    middle = (face[:, :2] - SHAPE[VERTICES_66, :2]).mean(axis=0)
    np.testing.assert_allclose(middle, [100, 70], atol=0.71)
    np.testing.assert_allclose(face[:, 2], face_at(0, 0)[:, 2], atol=1e-6)


def test_what_the_worker_says_of_a_failure_is_told(mediapipe):
    with pytest.raises(RuntimeError, match="worker failed: too bright"):
        mediapipe.meshes([photo((5, 5), value=255)])


def test_a_worker_that_dies_is_noticed():
    with (
        MediaPipe(command=[sys.executable, "-c", "raise SystemExit(3)"]) as started,
        pytest.raises((RuntimeError, BrokenPipeError)),
    ):
        started.meshes([photo()])


def test_an_environment_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "CACHE", tmp_path)
    calls = []
    monkeypatch.setattr(environment.venv, "create", lambda directory, **_: Path(directory).mkdir())

    class Done:
        returncode = 0

    monkeypatch.setattr(
        environment.subprocess, "run", lambda command, **_: calls.append(list(command)) or Done()
    )
    interpreter = environment.peer_python("peer", ["thing==1"])
    assert interpreter.is_relative_to(tmp_path / "peer")
    assert calls[0][-2:] == ["install", "thing==1"]
    assert json.loads((tmp_path / "peer" / "installed.json").read_text()) == ["thing==1"]
    calls.clear()
    assert environment.peer_python("peer", ["thing==1"]) == interpreter
    assert not calls


def test_git_ignores_the_environments():
    root = Path(__file__).parents[2]
    assert environment.CACHE.is_relative_to(root / "build")
    assert "build/" in (root / ".gitignore").read_text().splitlines()
