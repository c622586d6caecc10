"""OpenCV's FaceDetectorYN with a model file of the user's, such as YuNet's of OpenCV's model zoo."""

import os
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.calibration import BoxCalibration
from face_alignment_3d.detection.centerface import CENTERFACE_BOXES
from face_alignment_3d.detection.protocol import Detection, check_image
from face_alignment_3d.detection.resizing import boxes_in_photo, resized
from face_alignment_3d.errors import WeightsError
from face_alignment_3d.lazy import Lazy
from face_alignment_3d.paths import expanded, is_file

#: YuNet was trained on WIDER FACE's boxes, as CenterFace was.
YUNET_BOXES: Final = CENTERFACE_BOXES


class YuNetDetector:
    """Finds upright faces with ``cv2.FaceDetectorYN`` (a :class:`face_alignment_3d.FaceDetector`).

    Calls from several threads wait for each other.

    ``model`` is the .onnx file. The photo is reduced until its longer side has at most ``max_side`` pixels;
    None searches it at full size. ``threshold``: the lowest score of a face that is returned, in [0, 1].

    Pickles and copies load the file anew.

    Raises :class:`WeightsError` for a file that is missing, damaged or of another model.
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        *,
        max_side: int | None = 640,
        threshold: float = 0.6,
        calibration: BoxCalibration = YUNET_BOXES,
    ) -> None:
        self._network = Lazy(partial(_open, expanded(model).absolute(), threshold), survives_fork=False)
        self._network()
        self.max_side = max_side
        self.calibration = calibration

    def detect(self, image_rgb: npt.NDArray[np.uint8]) -> list[Detection]:
        """As of :meth:`face_alignment_3d.detection.centerface.CenterFaceDetector.detect`."""
        check_image(image_rgb)
        scale = 1.0 if self.max_side is None else min(1.0, self.max_side / max(image_rgb.shape[:2]))
        searched = resized(image_rgb, scale)
        rows = self._network().rows(np.asarray(cv2.cvtColor(searched, cv2.COLOR_RGB2BGR), np.uint8))
        drawn = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
        boxes = boxes_in_photo(self.calibration.apply(drawn), searched.shape, image_rgb.shape)
        return [
            Detection(box.astype(np.float32), float(row[-1])) for box, row in zip(boxes, rows, strict=True)
        ]


class _Network:
    """OpenCV's detector, which has a state: one photo at a time."""

    def __init__(self, file: Path, threshold: float) -> None:
        self._network = cv2.FaceDetectorYN.create(str(file), "", (64, 64), threshold)
        self._one_at_a_time = Lock()

    def rows(self, image_bgr: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """(F, 15): x, y, width, height, five points, score."""
        with self._one_at_a_time:
            self._network.setInputSize(image_bgr.shape[1::-1])
            _, found = self._network.detect(image_bgr)
        return np.zeros((0, 15)) if found is None else np.asarray(found, dtype=np.float64)


def _open(file: Path, threshold: float) -> _Network:
    if not is_file(file):
        raise WeightsError(f"there is no model file {file}; YuNet's is in OpenCV's model zoo")
    try:
        network = _Network(file, threshold)
        network.rows(np.zeros((64, 64, 3), np.uint8))  # Models of another kind load as well, and fail here.
    except cv2.error as error:
        reason = " ".join(str(error).split())
        raise WeightsError(
            f"{file} should be a model of YuNet that OpenCV {cv2.__version__} can run, such as "
            "face_detection_yunet_2023mar.onnx of OpenCV's model zoo; it is damaged or another model "
            f"({reason}); download it again"
        ) from error
    return network
