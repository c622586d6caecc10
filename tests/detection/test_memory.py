"""Photos of any mix of sizes, crowds among them, leave nothing behind."""

import subprocess
import sys
from pathlib import Path

import pytest

_STATM = Path("/proc/self/statm")
_BUDGET_MB = 60

#: A process of its own: in one that has run other tests, their memory comes and goes beside the detector's.
_SEARCHES = """
import sys
from pathlib import Path

import cv2
import numpy as np
import skimage.data

from face_alignment_3d.detection.mtcnn import MTCNNDetector

detector = MTCNNDetector(backend="onnx", graphs=sys.argv[1], threads=1)
rng = np.random.default_rng(0)
astronaut = np.asarray(skimage.data.astronaut())[40:240, 120:320]


def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def search(height, width, faces):
    tiled = np.tile(cv2.resize(astronaut, None, fx=1 / faces, fy=1 / faces), (faces, faces, 1))
    return len(detector.detect(np.asarray(cv2.resize(tiled, (width, height)))))


def highest_after(photos):
    # Pages are given back at the allocator's leisure, so single readings scatter by 60 MB either way.
    highest = 0.0
    for _ in range(photos):
        height, width = rng.integers(200, 2000, 2).tolist()
        search(height, width, int(rng.integers(1, 7)))
        highest = max(highest, resident_mb())
    return highest


# The largest that it comes to: 640 x 640 pixels and a crowd.
assert search(2000, 2000, 6) >= 12
search(1000, 2000, 5)
before = highest_after(8)
print(highest_after(24) - before)
"""


@pytest.mark.skipif(not _STATM.exists(), reason="reads the memory of a process from /proc")
def test_photos_of_mixed_sizes_leave_no_memory_behind(detector_graphs_folder: Path) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _SEARCHES, str(detector_graphs_folder)],
        capture_output=True,
        text=True,
        cwd=root,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < _BUDGET_MB
