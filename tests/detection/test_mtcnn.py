"""The default detector, on a real photo: scikit-image's astronaut."""

import math
import warnings
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import skimage.data

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.crop import Crop, box_around, rescale
from face_alignment_3d.detection.mtcnn import MTCNNDetector
from face_alignment_3d.detection.overlap import intersection_over_union
from face_alignment_3d.detection.protocol import Detection, FaceDetector
from face_alignment_3d.errors import ImageError

#: Her face, from the brows to the chin and from jaw to jaw, read off the photo by eye.
ASTRONAUT_BOX = np.array([179.0, 90, 268, 178])


@pytest.fixture(scope="module")
def detector() -> MTCNNDetector:
    return MTCNNDetector()


@pytest.fixture(scope="module")
def upright() -> MTCNNDetector:
    return MTCNNDetector(any_angle=False, threshold=0.9)


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return np.asarray(skimage.data.astronaut())


def overlap(detection: Detection, box: np.ndarray) -> float:
    return float(intersection_over_union(detection.box[None], box[None])[0, 0])


def test_it_is_a_face_detector(detector: MTCNNDetector) -> None:
    assert isinstance(detector, FaceDetector)


def test_finds_the_astronaut_once(upright: MTCNNDetector, astronaut: np.ndarray) -> None:
    (face,) = upright.detect(astronaut)
    assert overlap(face, ASTRONAUT_BOX) > 0.7
    assert 0.95 < face.score <= 1
    assert face.roll == 0
    assert face.box.dtype == np.float32
    assert face.box.shape == (4,)


def test_candidates_of_one_place_are_at_most_three(detector: MTCNNDetector, astronaut: np.ndarray) -> None:
    faces = detector.detect(astronaut)
    assert 1 <= len(faces) <= 3
    assert overlap(faces[0], ASTRONAUT_BOX) > 0.7
    assert [face.score for face in faces] == sorted((face.score for face in faces), reverse=True)


@pytest.mark.parametrize("degrees", range(-180, 180, 45))
def test_finds_her_at_any_angle(detector: MTCNNDetector, astronaut: np.ndarray, degrees: int) -> None:
    window = Crop(255.5, 255.5, 512, 512, angle=math.radians(-degrees))
    faces = detector.detect(window.sample(astronaut))
    center = window.to_crop(ASTRONAUT_BOX.reshape(2, 2).mean(axis=0))
    leaning = [face for face in faces if math.cos(face.roll - math.radians(degrees)) > 0.99]
    assert len(leaning) == 1
    np.testing.assert_allclose(leaning[0].box.reshape(2, 2).mean(axis=0), center, atol=8)


def test_faces_cut_by_the_border(astronaut: np.ndarray) -> None:
    """15 and 30 % of the face beyond the left, right or lower border; the network judges."""
    aligner = FaceAligner3D(device="cpu")
    whole = ASTRONAUT_BOX
    for cut in (0.15, 0.3):
        right, bottom = (whole[2:] - cut * (whole[2:] - whole[:2])).astype(int)
        left = int(whole[0] + cut * (whole[2] - whole[0]))
        for part, x in ((astronaut[:, :right], 0), (astronaut[:bottom], 0), (astronaut[:, left:], left)):
            (face,) = aligner.detect(part)
            box = box_around(face.landmarks) + np.array([x, 0, x, 0])
            assert intersection_over_union(box[None], whole[None])[0, 0] > 0.6


@pytest.mark.parametrize("scale", [0.3, 0.6, 1.7])
def test_boxes_follow_the_size_of_the_photo(
    upright: MTCNNDetector, astronaut: np.ndarray, scale: float
) -> None:
    resized = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    (face,) = upright.detect(resized)
    assert overlap(face, rescale(ASTRONAUT_BOX, scale)) > 0.65


def test_reducing_a_photo_moves_no_box(astronaut: np.ndarray) -> None:
    (at_full_size,) = MTCNNDetector(max_side=None, any_angle=False, threshold=0.9).detect(astronaut)
    (reduced,) = MTCNNDetector(max_side=256, any_angle=False, threshold=0.9).detect(astronaut)
    assert overlap(reduced, at_full_size.box) > 0.85


def test_a_huge_photo(upright: MTCNNDetector, astronaut: np.ndarray) -> None:
    huge = np.zeros((4000, 6000, 3), dtype=np.uint8)
    huge[:, 1000:5000] = cv2.resize(astronaut, (4000, 4000))
    (face,) = upright.detect(huge)
    expected = rescale(ASTRONAUT_BOX, 4000 / 512) + np.array([1000, 0, 1000, 0])
    assert overlap(face, expected) > 0.65


def test_a_very_long_picture(upright: MTCNNDetector, astronaut: np.ndarray) -> None:
    strip = np.full((400, 10_000, 3), 90, dtype=np.uint8)
    strip[50:350, 7000:7300] = cv2.resize(astronaut, (300, 300), interpolation=cv2.INTER_AREA)
    expected = rescale(ASTRONAUT_BOX, 300 / 512) + np.array([7000, 50, 7000, 50])
    (face,) = upright.detect(strip)
    assert overlap(face, expected) > 0.65


def test_small_faces_are_found_on_request(astronaut: np.ndarray) -> None:
    photo = np.full((800, 3000, 3), 90, dtype=np.uint8)
    photo[600:710, 900:1010] = cv2.resize(astronaut, (110, 110), interpolation=cv2.INTER_AREA)
    expected = rescale(ASTRONAUT_BOX, 110 / 512) + np.array([900, 600, 900, 600])
    options = {"any_angle": False, "threshold": 0.9}
    assert MTCNNDetector(max_side=320, **options).detect(photo) == []
    for detector in (MTCNNDetector(min_face_size=20, **options), MTCNNDetector(max_side=None, **options)):
        (face,) = detector.detect(photo)
        assert overlap(face, expected) > 0.6


def test_other_angles_can_be_forgone(upright: MTCNNDetector, astronaut: np.ndarray) -> None:
    assert upright.detect(np.rot90(astronaut)) == []


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (11, 400), (400, 11), (12, 12), (13, 300), (1, 5000)])
def test_images_too_small_for_a_face_have_none(detector: MTCNNDetector, shape: tuple[int, int]) -> None:
    for value in (0, 127, 255):
        assert detector.detect(np.full((*shape, 3), value, dtype=np.uint8)) == []


def test_no_face_on_blank_or_noise() -> None:
    aligner = FaceAligner3D(device="cpu")
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    assert aligner.detect(noise) == []
    assert aligner.detect(np.zeros((240, 320, 3), dtype=np.uint8)) == []


def test_candidates_beyond_the_border_do_no_harm(astronaut: np.ndarray) -> None:
    # Half a face: candidates reach over the border. Without thresholds all of them get to the last stage.
    for part in (astronaut[:, 220:], astronaut[135:], astronaut[:, :220], astronaut[:135]):
        for face in MTCNNDetector(threshold=0.0).detect(part):
            assert np.isfinite(face.box).all()
            assert (face.box[2:] > face.box[:2]).all()


def test_views_and_read_only_arrays_are_taken_without_a_warning(
    detector: MTCNNDetector, astronaut: np.ndarray
) -> None:
    expected = detector.detect(astronaut)
    view = np.ascontiguousarray(astronaut[:, ::-1])[:, ::-1]
    view.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        faces = detector.detect(view)
    for one, other in zip(faces, expected, strict=True):
        np.testing.assert_allclose(one.box, other.box, atol=1e-3)


def test_threads_get_what_single_calls_get(detector: MTCNNDetector, astronaut: np.ndarray) -> None:
    photos = [np.ascontiguousarray(astronaut[:, offset:]) for offset in (0, 20, 40, 60)]
    alone = [detector.detect(photo)[0].box for photo in photos]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(detector.detect, photos))
    for expected, faces in zip(alone, together, strict=True):
        np.testing.assert_allclose(faces[0].box, expected, atol=1e-3)


@pytest.mark.parametrize(
    "image",
    [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3), np.float32)],
)
def test_other_arrays_are_refused(detector: MTCNNDetector, image: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"expect an \(H, W, 3\) uint8 RGB array of at least one pixel; got"):
        detector.detect(image)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_side": 5}, "max_side must be None or at least 12"),
        ({"min_face_size": 0}, "min_face_size must be None or at least 10"),
        ({"min_face_size": math.nan}, "min_face_size"),
        ({"threshold": 1.5}, "threshold must lie in"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MTCNNDetector(**options)  # type: ignore[arg-type]
