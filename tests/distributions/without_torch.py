"""Installs the distribution without torch into an empty environment and aligns a photo there, then again in
an application that PyInstaller made of it; with the default detector, and with CenterFace.

    make test-torchfree

Needs a package index. The graphs are made by this Python, which has torch.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.distributions.environments import Environment, clean_environment  # noqa: E402

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
(centered,) = FaceAligner3D(f"{folder}/lite.onnx", detector="centerface").detect(photo)
assert abs(centered.landmarks - face.landmarks).max() < 10
print(face.pose.angles, "frozen" if hasattr(sys, "frozen") else "")
"""


def main() -> None:
    """Raises CalledProcessError where something fails."""
    from PIL import Image
    from skimage.data import astronaut

    export = ("-m", "face_alignment_3d", "export", "onnx")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Image.fromarray(astronaut()).save(folder / "photo.png")
        for graph, output in (("lite", folder / "lite.onnx"), ("mtcnn", folder)):
            subprocess.run([sys.executable, *export, graph, "-o", str(output)], check=True, cwd=ROOT)
        environment = Environment.create(folder / "venv")
        environment.install(f"{ROOT / 'torchfree'}[centerface]")
        home = {"FACE_ALIGNMENT_3D_HOME": name}
        environment.run("-c", _USE, folder, folder / "photo.png", cwd=folder, offline=True, **home)
        alone = [environment.python, *export, "lite", "-o", folder / "x.onnx"]
        refused = subprocess.run(alone, capture_output=True, text=True, cwd=name, env=clean_environment())
        assert refused.returncode == 2, refused.stderr
        assert "needs torch" in refused.stderr, refused.stderr
        _freeze(environment, folder)
    print("without torch: ok")


def _freeze(environment: Environment, folder: Path) -> None:
    """The same use of the library in an application, whose own files are all that it can read."""
    (folder / "application.py").write_text(_USE, encoding="utf-8")
    environment.install("pyinstaller")
    environment.run("-m", "PyInstaller", "--log-level", "WARN", "application.py", cwd=folder)
    application = folder / "dist" / "application" / "application"
    home = clean_environment(FACE_ALIGNMENT_3D_HOME=str(folder))
    subprocess.run([application, folder, folder / "photo.png"], check=True, cwd=folder, env=home)


if __name__ == "__main__":
    main()
