"""An aligner without weights, for tests of the rest of the command line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

import face_alignment_3d
from face_alignment_3d.errors import WeightsError
from face_alignment_3d.face import Face3D


class StubAligner:
    """One face in the middle of each photo, or one in each box; records its arguments."""

    made: list["StubAligner"]

    def __init__(self, weights: str = "lite", **options: Any) -> None:
        if weights == "missing":
            raise WeightsError("weights 'missing' are nowhere; train them")
        self.weights, self.options = weights, options
        self.device = torch.device("cpu")
        self.calls: list[npt.NDArray[np.float32] | None] = []
        StubAligner.made.append(self)

    def load(self, *, detector: bool = True) -> None:
        """Needs nothing."""

    def detect(self, image: npt.NDArray[np.uint8], *, boxes: Any = None, color: str = "rgb") -> list[Face3D]:
        self.calls.append(boxes)
        height, width = image.shape[:2]
        if boxes is None:
            boxes = [] if width < 10 else [[0.25 * width, 0.25 * height, 0.75 * width, 0.75 * height]]
            score = 0.9
        else:
            score = None
        return [self._face(np.array(box, np.float32), score) for box in boxes]

    def get_landmarks(self, image: npt.NDArray[np.uint8], *, boxes: Any = None) -> npt.NDArray[np.float32]:
        return np.stack([face.landmarks for face in self.detect(image, boxes=boxes)])

    @staticmethod
    def _face(box: npt.NDArray[np.float32], score: float | None) -> Face3D:
        unit = np.random.default_rng(0).random((66, 2), dtype=np.float32)
        xy = box[:2] + unit * (box[2:] - box[:2])
        z = unit[:, :1] - unit[:, :1].mean()
        return Face3D(np.hstack([xy, z]), np.ones(66, np.float32), box, score)


@pytest.fixture
def stub_aligner(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[StubAligner]]:
    StubAligner.made = []
    monkeypatch.setattr(face_alignment_3d, "FaceAligner3D", StubAligner, raising=False)
    yield StubAligner
    StubAligner.made = []


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: photos/a.png and photos/sub/b.jpg with a face each, photos/empty.png with none."""
    from PIL import Image

    (tmp_path / "photos" / "sub").mkdir(parents=True)
    for name, size in (("a.png", (64, 48)), ("sub/b.jpg", (40, 30)), ("empty.png", (8, 8))):
        Image.new("RGB", size, (200, 150, 120)).save(tmp_path / "photos" / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path
