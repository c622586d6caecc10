"""Photos of any mix of sizes, crowds among them, leave nothing behind."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from face_alignment_3d.detection.mtcnn import MTCNNDetector

_STATM = Path("/proc/self/statm")
_BUDGET_MB = 60


def resident_mb() -> float:
    return int(_STATM.read_text().split()[1]) * 4096 / 1e6


@pytest.mark.skipif(not _STATM.exists(), reason="reads the memory of this process from /proc")
def test_photos_of_mixed_sizes_leave_no_memory_behind(detector_graphs_folder: Path) -> None:
    detector = MTCNNDetector(backend="onnx", graphs=detector_graphs_folder, threads=1)
    rng = np.random.default_rng(0)
    astronaut = np.asarray(skimage.data.astronaut())[40:240, 120:320]

    def search(height: int, width: int, faces: int) -> int:
        tiled = np.tile(cv2.resize(astronaut, None, fx=1 / faces, fy=1 / faces), (faces, faces, 1))
        return len(detector.detect(np.asarray(cv2.resize(tiled, (width, height)))))

    # The largest that it comes to: 640 x 640 pixels and a crowd.
    assert search(2000, 2000, 6) >= 12
    search(1000, 2000, 5)
    before = resident_mb()
    for _ in range(24):
        height, width = rng.integers(200, 2000, 2).tolist()
        search(height, width, int(rng.integers(1, 7)))
    assert resident_mb() - before < _BUDGET_MB
