"""The adapter of OpenCV's FaceDetectorYN, with a stand-in for the network."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from face_alignment_3d.detection.calibration import BoxCalibration
from face_alignment_3d.detection.yunet import YuNetDetector
from face_alignment_3d.errors import WeightsError


class Network:
    """One face, over the left upper quarter of whatever it is given, in BGR; none in a dark picture."""

    def setInputSize(self, size: tuple[int, int]) -> None:  # noqa: N802 (OpenCV's name)
        self.size = size

    def detect(self, image_bgr: np.ndarray) -> tuple[int, np.ndarray | None]:
        assert image_bgr.shape[1::-1] == self.size
        assert (image_bgr[..., 2] >= image_bgr[..., 0]).all()
        width, height = self.size
        row = [0, 0, width / 2, height / 2, *[0] * 10, 0.9]
        return 1, np.array([row], np.float32) if image_bgr.any() else None


@pytest.fixture
def detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> YuNetDetector:
    file = tmp_path / "yunet.onnx"
    file.touch()
    monkeypatch.setattr(cv2.FaceDetectorYN, "create", staticmethod(lambda *_: Network()))
    return YuNetDetector(file, max_side=320, calibration=BoxCalibration())


@pytest.mark.parametrize("size", [(600, 800), (100, 60)])
def test_boxes_are_in_pixels_of_the_photo(detector: YuNetDetector, size: tuple[int, int]) -> None:
    photo = np.zeros((*size, 3), np.uint8)
    photo[..., 0] = 255  # Red.
    (face,) = detector.detect(photo)
    # The box is given in edge coordinates; pixel centers lie half a pixel from these.
    np.testing.assert_allclose(face.box, np.array([0, 0, size[1] / 2, size[0] / 2]) - 0.5, atol=1e-3)
    assert face.score == pytest.approx(0.9)


def test_no_face(detector: YuNetDetector) -> None:
    assert detector.detect(np.zeros((50, 50, 3), np.uint8)) == []


def test_files_that_are_no_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no model file"):
        YuNetDetector(tmp_path / "missing.onnx")
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(WeightsError, match="cannot load"):
        YuNetDetector(tmp_path / "empty.onnx")
