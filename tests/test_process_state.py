"""A program that uses the library keeps its settings, generators, handlers, folder and environment.

In a process of its own, where everything is done for the first time: loading, recording, making graphs.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

_LIFE = """
import copy, pickle, random, warnings
import cv2, numpy as np, onnx, onnxruntime, onnxscript, skimage.data, torch, torchvision, PIL.Image, scipy
import torch.onnx._internal.exporter._core
from tests.process_state import changes, process_state
from face_alignment_3d import FaceAligner3D, VideoAligner3D

random.seed(1), np.random.seed(2), torch.manual_seed(3)
torch.set_num_threads(2), cv2.setNumThreads(2)
warnings.simplefilter("ignore", DeprecationWarning)
photo = np.asarray(skimage.data.astronaut())
before = process_state()

def said(step):
    global before
    after = process_state()
    for change in changes(before, after):
        print(step, "changed", change)
    before = after

for backend in ("torch", "onnx"):
    for detector in ("mtcnn", "scout"):
        aligner = FaceAligner3D("nano", backend=backend, device="cpu", detector=detector, blendshapes=True)
        said("the constructor")
        aligner.load()
        said(f"loading with {backend} and {detector}")
        faces = aligner.detect(photo)
        assert faces and faces[0].pose and faces[0].blendshapes
        said(f"detect with {backend} and {detector}")
        aligner.detect_batch([photo, photo[::2, ::2]])
        list(aligner.align_many([photo] * 3))
        said(f"batches and streams with {backend} and {detector}")
        tracker = VideoAligner3D(pickle.loads(pickle.dumps(copy.deepcopy(aligner))))
        for shift in range(4):
            tracker.track(np.roll(photo, shift, 1))
        said(f"videos and copies with {backend} and {detector}")
try:
    FaceAligner3D("nano").get_landmarks("missing.jpg")
except ValueError:
    pass
said("an error")
print("done")
"""


def test_the_process_is_as_it_was(tmp_path: Path) -> None:
    home = {"FACE_ALIGNMENT_3D_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", _LIFE], capture_output=True, text=True, cwd=ROOT, env={**os.environ, **home}
    )
    assert done.stdout == "done\n", done.stdout + done.stderr
