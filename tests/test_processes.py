"""Aligners across forks, pickles and copies, before and after they were used.

Each fork is made in a process of its own, whose output says what happened, since a child that hangs must not
hang the tests.
"""

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from face_alignment_3d import FaceAligner3D, VideoAligner3D
from face_alignment_3d.blendshapes import BlendshapeEstimator
from face_alignment_3d.detection.combined import CombinedDetector

BOX = [[179.0, 90, 268, 178]]
TOLERANCE = 0.02

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

_FORKING = """
import os, sys, threading, time
import numpy as np
import skimage.data
import torch
from face_alignment_3d import Detection, FaceAligner3D
from face_alignment_3d.detection.combined import CombinedDetector
from face_alignment_3d.detection.mtcnn import MTCNNDetector

class Fixed:
    def detect(self, image_rgb):
        return [Detection(np.float32([179, 90, 268, 178]), 0.9)]

torch.set_num_threads(2)
photo = np.asarray(skimage.data.astronaut())
options = {options}
aligner = FaceAligner3D(**options)
expected = None
if {is_used}:
    expected = aligner.get_landmarks(photo)
else:
    torch.nn.functional.conv2d(torch.ones(8, 16, 64, 64), torch.ones(16, 16, 3, 3))  # Torch has its threads.

child = os.fork()
if child == 0:
    {in_child}
    {end}
deadline = time.monotonic() + {seconds}
while time.monotonic() < deadline:
    ended, status = os.waitpid(child, os.WNOHANG)
    if ended:
        print("exit code", os.waitstatus_to_exitcode(status))
        break
    time.sleep(0.05)
else:
    os.kill(child, 9)
    print("hangs")
"""

_ALIGN = """
    found = aligner.get_landmarks(photo)
    same = found.shape == (1, 66, 3) and (expected is None or np.allclose(found, expected, atol=0.02))
    print("the same" if same else "other landmarks", flush=True)
    streamed = [len(item.faces) for item in aligner.align_many([photo, photo])]
    print("streamed", streamed, torch.get_num_threads(), flush=True)
"""


#: An orderly end, which takes all objects apart; and that of multiprocessing's children.
_EXIT, _QUICK_EXIT = "sys.exit(0)", "os._exit(0)"


def _said_by(options: str, *, is_used: bool, in_child: str = _ALIGN, end: str = _EXIT) -> list[str]:
    code = _FORKING.format(options=options, is_used=is_used, in_child=in_child.strip(), end=end, seconds=240)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@needs_fork
@pytest.mark.parametrize("is_used", [True, False])
def test_torch_in_a_fork(is_used: bool) -> None:
    said = _said_by('dict(backend="torch", device="cpu")', is_used=is_used)
    assert said == ["the same", "streamed [1, 1] 2", "exit code 0"]


@needs_fork
@pytest.mark.parametrize("is_used", [True, False])
def test_onnx_in_a_fork(is_used: bool, lite_graph: Path, detector_graphs_folder: Path) -> None:
    detector = f'MTCNNDetector(backend="onnx", graphs={str(detector_graphs_folder)!r}, threads=2)'
    options = f"dict(weights={str(lite_graph)!r}, device='cpu', threads=2, detector={detector})"
    # Once it is used, ONNX Runtime does not let a fork end in an orderly way.
    end = _QUICK_EXIT if is_used else _EXIT
    assert _said_by(options, is_used=is_used, end=end) == ["the same", "streamed [1, 1] 2", "exit code 0"]


@needs_fork
def test_onnx_in_a_fork_that_lets_go_of_it(lite_graph: Path) -> None:
    """Closing a session of the parent would wait for threads that the child does not have."""
    options = f"dict(weights={str(lite_graph)!r}, device='cpu', threads=2, detector=Fixed())"
    in_child = "import gc; del aligner; gc.collect()"
    assert _said_by(options, is_used=True, in_child=in_child, end=_QUICK_EXIT) == ["exit code 0"]


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.asarray(skimage.data.astronaut())


@pytest.fixture(scope="module", params=["torch", "onnx"])
def aligner(request: pytest.FixtureRequest, lite_graph: Path) -> FaceAligner3D:
    if request.param == "torch":
        return FaceAligner3D(backend="torch", device="cpu", blendshapes=True, detector=_Fixed())
    return FaceAligner3D(lite_graph, device="cpu", threads=1, blendshapes=True, detector=_Fixed())


class _Fixed:
    def detect(self, image_rgb: np.ndarray) -> list:  # type: ignore[type-arg]
        from face_alignment_3d import Detection

        return [Detection(np.float32(BOX[0]), 0.9)]


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]
)
def test_copies_work_as_it_did(duplicate: object, aligner: FaceAligner3D, photo: np.ndarray) -> None:
    expected = aligner.detect(photo)[0]
    twin = duplicate(aligner)  # type: ignore[operator]
    assert (twin.backend, twin.device) == (aligner.backend, aligner.device)
    found = twin.detect(photo)[0]
    np.testing.assert_allclose(found.landmarks, expected.landmarks, atol=TOLERANCE)
    assert found.blendshapes["jawOpen"] == pytest.approx(expected.blendshapes["jawOpen"], abs=1e-3)
    followed = duplicate(VideoAligner3D(aligner)).track(photo)  # type: ignore[operator]
    assert len(followed) == 1
    assert followed[0].blendshapes is not None


def test_a_pickle_holds_arguments_not_weights(aligner: FaceAligner3D) -> None:
    aligner.load()
    assert len(pickle.dumps(aligner)) < 3000


def test_the_default_detector_is_made_anew(photo: np.ndarray) -> None:
    aligner = FaceAligner3D(device="cpu")
    _ = aligner.detector
    twin = pickle.loads(pickle.dumps(aligner))
    assert isinstance(twin.detector, CombinedDetector)
    assert twin.detector is not aligner.detector


def test_a_calibrated_estimator_stays_calibrated(photo: np.ndarray) -> None:
    (neutral,) = FaceAligner3D(device="cpu").detect(photo, boxes=BOX)
    own = BlendshapeEstimator().calibrated(neutral)
    twin = pickle.loads(pickle.dumps(own))
    assert twin.is_calibrated
    np.testing.assert_array_equal(twin.estimate(neutral).array, own.estimate(neutral).array)


def test_faces_go_through_pickle(aligner: FaceAligner3D, photo: np.ndarray) -> None:
    (face,) = aligner.detect(photo)
    face.pose  # noqa: B018 - computed, and so part of the pickle
    twin = pickle.loads(pickle.dumps(face))
    np.testing.assert_array_equal(twin.landmarks, face.landmarks)
    np.testing.assert_array_equal(twin.blendshapes.array, face.blendshapes.array)
    assert twin.pose.yaw == face.pose.yaw


def test_a_spawned_process_gets_it(tmp_path: Path) -> None:
    script = tmp_path / "main.py"
    script.write_text(
        """
import multiprocessing
import numpy as np
import skimage.data
from face_alignment_3d import FaceAligner3D

def align(aligner, answers):
    answers.put(aligner.get_landmarks(np.asarray(skimage.data.astronaut()), boxes=[[179, 90, 268, 178]]))

if __name__ == "__main__":
    aligner = FaceAligner3D(backend="torch", device="cpu")
    expected = aligner.get_landmarks(np.asarray(skimage.data.astronaut()), boxes=[[179, 90, 268, 178]])
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    child = context.Process(target=align, args=(aligner, answers))
    child.start()
    print(np.abs(answers.get(timeout=200) - expected).max() < 0.02)
    child.join()
"""
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=400,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},  # Where it is not installed.
    )
    assert done.stdout.strip() == "True", done.stderr
