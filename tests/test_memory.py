"""The memory that aligners take and release, measured in processes of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

_BEGIN = """
import gc
from skimage.data import astronaut
from face_alignment_3d import FaceAligner3D

def megabytes():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6

image, box = astronaut(), [179, 90, 268, 178]
"""


def _growth(code: str) -> float:
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", _BEGIN + code], capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


linux_only = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's /proc")


@linux_only
def test_photos_with_more_faces_take_little_more() -> None:
    grown = _growth("""
aligner = FaceAligner3D(backend="torch")
aligner.get_landmarks(image, boxes=[box])
first = megabytes()
for count in (7, 24, 3, 32, 15, 1, 28, 11):
    aligner.get_landmarks(image, boxes=[box] * count)
print(megabytes() - first)
""")
    assert grown < 100


@linux_only
def test_aligners_that_are_dropped_leave_nothing() -> None:
    grown = _growth("""
def make_and_drop():
    FaceAligner3D(backend="torch").get_landmarks(image, boxes=[box])

for _ in range(3):
    make_and_drop()
first = megabytes()
for _ in range(100):
    make_and_drop()
print(megabytes() - first)
""")
    assert grown < 20
