"""Installs the distribution without torch into an empty environment and aligns a photo there, then again in
an application that PyInstaller made of it.

    make test-torchfree

Needs a package index. The graphs are made by this Python, which has torch.
"""

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

_ROOT = Path(__file__).parent.parent
# Without it the new environment would find this checkout.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
_USE = """
import sys
from importlib.util import find_spec
import face_alignment_3d.export
from face_alignment_3d import FaceAligner3D, VideoAligner3D
from face_alignment_3d.detection.mtcnn import MTCNNDetector
assert all(find_spec(name) is None for name in ("torch", "torchvision", "facenet_pytorch"))
folder, photo = sys.argv[1:]
detector = MTCNNDetector(backend="onnx", graphs=folder)
aligner = FaceAligner3D(f"{folder}/lite.onnx", detector=detector, blendshapes=True)
(face,) = aligner.detect(photo)
assert face.landmarks.shape == (66, 3) and face.blendshapes["jawOpen"] >= 0
print(face.pose.angles, "frozen" if hasattr(sys, "frozen") else "")
"""


def _run(*command: "str | Path", cwd: "str | None" = None) -> None:
    subprocess.run(command, check=True, cwd=cwd, env=_ENVIRONMENT)


def main() -> None:
    """Raises CalledProcessError where something fails."""
    from PIL import Image
    from skimage.data import astronaut

    export = ("-m", "face_alignment_3d", "export", "onnx")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Image.fromarray(astronaut()).save(folder / "photo.png")
        _run(sys.executable, *export, "lite", "-o", folder / "lite.onnx")
        _run(sys.executable, *export, "mtcnn", "-o", folder)
        venv.create(folder / "venv", with_pip=True)
        python = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        _run(python, "-m", "pip", "install", "--quiet", _ROOT / "torchfree")
        # opencv-python needs libGL, which a bare server lacks; its headless twin is the same module.
        if subprocess.run([python, "-c", "import cv2"], capture_output=True).returncode:
            pip = (python, "-m", "pip")
            _run(*pip, "uninstall", "--quiet", "--yes", "opencv-python")
            _run(*pip, "install", "--quiet", "--force-reinstall", "--no-deps", "opencv-python-headless")
        _run(python, "-c", _USE, name, folder / "photo.png", cwd=name)
        alone = [python, *export, "lite", "-o", folder / "x.onnx"]
        refused = subprocess.run(alone, capture_output=True, text=True, cwd=name)
        assert refused.returncode == 2, refused.stderr
        assert "needs torch" in refused.stderr, refused.stderr
        _freeze(python, folder)
    print("without torch: ok")


def _freeze(python: Path, folder: Path) -> None:
    """The same use of the library in an application, whose own files are all that it can read."""
    (folder / "application.py").write_text(_USE)
    _run(python, "-m", "pip", "install", "--quiet", "pyinstaller")
    _run(python, "-m", "PyInstaller", "--log-level", "WARN", "application.py", cwd=str(folder))
    _run(folder / "dist" / "application" / "application", folder, folder / "photo.png", cwd=str(folder))


if __name__ == "__main__":
    main()
