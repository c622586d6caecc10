"""CenterFace: decoding, and the file of the extra where it is installed."""

from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
import skimage.data

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.crop import rescale
from face_alignment_3d.detection import centerface
from face_alignment_3d.detection.calibration import BoxCalibration
from face_alignment_3d.detection.centerface import CenterFaceDetector, decoded, sharpened
from face_alignment_3d.detection.overlap import intersection_over_union
from face_alignment_3d.errors import BackendError, ImageError

ASTRONAUT_BOX = np.array([179.0, 90, 268, 178])


@pytest.fixture(scope="module")
def detector() -> CenterFaceDetector:
    try:
        detector = CenterFaceDetector(device="cpu", threads=1)
        detector.load()
        return detector
    except BackendError as error:
        pytest.skip(str(error))


def test_maps_are_decoded_into_boxes() -> None:
    heat = np.zeros((10, 20), np.float32)
    sides, offsets = np.zeros((2, 10, 20), np.float32), np.zeros((2, 10, 20), np.float32)
    heat[3, 7], heat[3, 8], heat[8, 15] = 0.9, 0.8, 0.6
    sides[:, 3, 7] = sides[:, 3, 8] = np.log([5.0, 4.0])  # 20 high, 16 wide.
    sides[:, 8, 15] = np.log([1.0, 2.0])
    offsets[:, 3, 7] = (0.25, -0.5)
    boxes, scores = decoded(heat, sides, offsets, threshold=0.5)
    # Center x: (7.5 - 0.5) * 4 = 28, y: (3.5 + 0.25) * 4 = 15; the neighbor is the same face.
    np.testing.assert_allclose(boxes, [[20, 5, 36, 25], [58, 32, 66, 36]], atol=1e-5)
    np.testing.assert_allclose(scores, [0.9, 0.6], atol=1e-6)
    assert decoded(heat, sides, offsets, threshold=0.95)[0].shape == (0, 4)


def test_log_odds_are_sharpened() -> None:
    np.testing.assert_allclose(sharpened(np.array([0.0, 0.5, 1.0])), [0, 0.5, 1])
    np.testing.assert_allclose(sharpened(np.array([0.8, 0.2])), [256 / 257, 1 / 257])


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(centerface, "distribution", missing)
    with pytest.raises(BackendError, match=r"pip install 'face-alignment-3d\[centerface\]'"):
        FaceAligner3D(device="cpu", detector="centerface").detect(skimage.data.astronaut())


def test_other_names_and_options_are_refused() -> None:
    with pytest.raises(
        ValueError, match="detector must be one of mtcnn, scout, combined, centerface; got 'dlib'"
    ):
        FaceAligner3D(detector="dlib")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_side must be None or at least 64"):
        CenterFaceDetector(max_side=3)
    with pytest.raises(ValueError, match="threshold must lie in"):
        CenterFaceDetector(threshold=0)


@pytest.mark.parametrize("scale", [0.2, 1.0, 1.7])
def test_the_astronaut_at_any_size(detector: CenterFaceDetector, scale: float) -> None:
    import cv2

    photo = cv2.resize(skimage.data.astronaut(), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    (face,) = detector.detect(photo)
    assert face.score > 0.5
    assert intersection_over_union(face.box[None], rescale(ASTRONAUT_BOX, scale)[None])[0, 0] > 0.65


def test_tiny_images_and_other_arrays(detector: CenterFaceDetector) -> None:
    assert detector.detect(np.full((1, 1, 3), 127, np.uint8)) == []
    with pytest.raises(ImageError, match="uint8 RGB"):
        detector.detect(np.zeros((8, 8), np.uint8))


def test_the_aligner_takes_it_by_name(detector: CenterFaceDetector) -> None:
    (face,) = FaceAligner3D(device="cpu", detector="centerface").detect(skimage.data.astronaut())
    assert face.certainty > 0.5
    assert detector.calibration != BoxCalibration()
