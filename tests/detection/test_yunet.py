"""The adapter of OpenCV's FaceDetectorYN, with a stand-in for the network."""

import copy
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from face_alignment_3d.detection.calibration import BoxCalibration
from face_alignment_3d.detection.yunet import YuNetDetector
from face_alignment_3d.errors import WeightsError

#: The outputs of YuNet, at three sizes: classes, objects, boxes, points.
_OUTPUTS = [f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in (8, 16, 32)]
_CHANNELS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}


def model(outputs: list[str]) -> bytes:
    """A model for photos of any size, with these outputs of YuNet's shapes, or others; all are 0."""
    nodes, weights, values = [], [], []
    for name in outputs:
        kind, _, stride_text = name.partition("_")
        channels, stride = _CHANNELS.get(kind, 3), int(stride_text or 8)
        kernel = np.zeros((channels, 3, stride, stride), np.float32)
        weights.append(numpy_helper.from_array(kernel, f"{name}_weights"))
        nodes.append(
            helper.make_node(
                "Conv",
                ["input", f"{name}_weights"],
                [f"{name}_map"],
                strides=[stride] * 2,
                kernel_shape=[stride] * 2,
            )
        )
        nodes.append(helper.make_node("Transpose", [f"{name}_map"], [f"{name}_last"], perm=[0, 2, 3, 1]))
        nodes.append(helper.make_node("Reshape", [f"{name}_last", f"{name}_shape"], [name]))
        weights.append(numpy_helper.from_array(np.array([1, -1, channels]), f"{name}_shape"))
        values.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, "cells", channels)))
    photo = helper.make_tensor_value_info("input", TensorProto.FLOAT, (1, 3, "height", "width"))
    graph = helper.make_graph(nodes, "yunet", [photo], values, weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(made.SerializeToString())


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
    for name, content in {
        "empty.onnx": b"",
        "page.onnx": b"<!DOCTYPE html><html>",
        "cut.onnx": model(_OUTPUTS)[:-200],
        "cascade.onnx": model(["points"]),
        "renamed.bin": model(_OUTPUTS),
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsError, match=rf"{name} should be a model of YuNet .* download it again"):
            YuNetDetector(tmp_path / name)
    with pytest.raises(WeightsError, match="no model file"):
        YuNetDetector(tmp_path)


def test_copies_load_the_file_again(tmp_path: Path) -> None:
    (tmp_path / "yunet.onnx").write_bytes(model(_OUTPUTS))
    detector = YuNetDetector(tmp_path / "yunet.onnx", max_side=64)
    photo = np.zeros((50, 60, 3), np.uint8)
    expected = detector.detect(photo)
    assert [each.box.tolist() for each in copy.deepcopy(detector).detect(photo)] == [
        each.box.tolist() for each in expected
    ]
    moved = pickle.dumps(detector)
    (tmp_path / "yunet.onnx").unlink()
    with pytest.raises(WeightsError, match="no model file"):
        pickle.loads(moved).detect(photo)
