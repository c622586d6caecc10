"""The picture of the signs in docs/coordinates.md is what the code draws."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

_DOCS = Path(__file__).parent.parent.parent / "docs"


def test_pose_signs(tmp_path: Path) -> None:
    target = tmp_path / "signs.png"
    done = subprocess.run(
        [sys.executable, _DOCS / "draw_pose_signs.py", target],
        cwd=_DOCS.parent,
        env={"PYTHONPATH": str(_DOCS.parent), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    with Image.open(target) as drawn, Image.open(_DOCS / "images" / "pose_signs.png") as kept:
        difference = np.abs(np.asarray(drawn, int) - np.asarray(kept, int))
    assert difference.mean() < 2  # OpenCV's versions differ in the edges of lines and letters.
