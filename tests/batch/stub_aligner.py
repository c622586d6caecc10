"""An aligner that other processes can make at once: it needs neither weights nor torch."""

import os
import signal
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from face_alignment_3d.face import Face3D

#: Colors of images that end the process, and that no aligner can do.
DEADLY = (255, 0, 255)
IMPOSSIBLE = (0, 255, 255)


@dataclass(frozen=True)
class StubSource:
    """See :class:`face_alignment_3d.batch.aligner_options.AlignerSource`."""

    weights_sha256: str = "ab" * 32
    seconds: float = 0.0
    """That each image takes."""
    device: str = "cpu"
    """That it claims to run on."""

    def identity(self) -> dict[str, Any]:
        return {"weights": "stub", "weights_sha256": self.weights_sha256}

    def usual_processes(self) -> int:
        return 1

    def open(self, *, threads: int, index: int = 0) -> "StubAligner":
        return StubAligner(self.seconds, self.device)


class StubAligner:
    """As many faces as the image's width has tens; they depend on its first pixel."""

    def __init__(self, seconds: float, device: str) -> None:
        self._seconds, self.device = seconds, device

    def detect(self, image: npt.NDArray[np.uint8]) -> list[Face3D]:
        time.sleep(self._seconds)
        color = tuple(image[0, 0].tolist())
        if color == DEADLY:
            os.kill(os.getpid(), signal.SIGKILL)
        if color == IMPOSSIBLE:
            raise RuntimeError("no face aligner can do this")
        height, width = image.shape[:2]
        return [self._face(image, index, height, width) for index in range(width // 10)]

    def detect_batch(self, images: list[npt.NDArray[np.uint8]]) -> list[list[Face3D]]:
        return [self.detect(image) for image in images]

    @staticmethod
    def _face(image: npt.NDArray[np.uint8], index: int, height: int, width: int) -> Face3D:
        seed = [index, height, width, *image[0, 0].tolist()]
        points = np.random.default_rng(seed).random((66, 3), dtype=np.float32) * width
        points[:, 2] -= points[:, 2].mean()
        box = np.array([0, 0, width, height], np.float32)
        visibility = np.linspace(0, 1, 66, dtype=np.float32) if index % 2 else None
        return Face3D(points, np.ones(66, np.float32), box, 0.9, visibility=visibility)
