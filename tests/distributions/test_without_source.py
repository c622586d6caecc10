"""Applications that ship compiled files alone, as PyInstaller's do."""

import compileall
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.distributions.building import ROOT

_USE = """
import sys, face_alignment_3d
from skimage.data import astronaut
from face_alignment_3d import FaceAligner3D
from face_alignment_3d.networks.packing import can_pack
assert face_alignment_3d.__file__.endswith(".pyc"), face_alignment_3d.__file__
assert not can_pack()
(face,) = FaceAligner3D(backend="torch", device="cpu", blendshapes=True).detect(astronaut())
assert face.landmarks.shape == (66, 3) and face.blendshapes["jawOpen"] >= 0
"""


def test_a_photo_is_aligned_without_any_source(tmp_path: Path) -> None:
    package = tmp_path / "face_alignment_3d"
    shutil.copytree(ROOT / "face_alignment_3d", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "weights_manifest.json", package)
    assert compileall.compile_dir(package, quiet=1, legacy=True)
    for source in package.rglob("*.py"):
        source.unlink()
    done = subprocess.run(
        [sys.executable, "-c", _USE],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
