"""Memory that is freed is kept for the next image."""

import platform
import subprocess
import sys

import pytest

_LEFT = """
import sys
from pathlib import Path
import numpy as np
from face_alignment_3d.batch.allocator import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()


def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


before = resident_mb()
images = [np.ones((20, 1000, 1000), np.uint8) for _ in range(int(sys.argv[2]))]
del images
print(resident_mb() - before)
"""


def left(how: str, images: int) -> float:
    """Megabytes that a process holds when so many images of 20 MB have come and gone."""
    words = [sys.executable, "-c", _LEFT, how, str(images)]
    return float(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(
    platform.system() != "Linux" or platform.libc_ver()[0] != "glibc", reason="a setting of glibc"
)
def test_freed_memory_stays_up_to_a_limit() -> None:
    assert left("as usual", 3) < 10
    assert left("kept", 3) > 50
    assert left("kept", 20) < 160
