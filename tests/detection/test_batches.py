"""Detectors that take several photos: the faces of single photos, whoever asks."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import skimage.data

from face_alignment_3d import Detection, FaceAligner3D, photo_views
from face_alignment_3d.boxes import FaceBox, detected_boxes
from face_alignment_3d.detection.protocol import BatchFaceDetector, FaceDetector, photos_at_a_time
from face_alignment_3d.errors import BoxError, ImageError

BOX = np.array([179.0, 90, 268, 178])


class OneByOne:
    """A face at a place that the brightest pixel of the last row tells; none in black photos."""

    def detect(self, image_rgb: np.ndarray) -> Sequence[Detection]:
        if image_rgb.shape[0] == 13:
            raise RuntimeError("13 rows are too many")
        if not image_rgb.any():
            return []
        return [Detection(BOX + int(image_rgb[-1, 0, 0]), 0.9, roll=0.1)]


class Together(OneByOne):
    """Takes ``most`` photos together, and records how many it got."""

    def __init__(self, most: int = 3) -> None:
        self.photos_at_a_time = most
        self.calls: list[int] = []

    def detect_batch(self, images_rgb: Sequence[np.ndarray], /) -> Sequence[Sequence[Detection]]:
        self.calls.append(len(images_rgb))
        return [self.detect(image) for image in images_rgb]


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    astronaut = np.asarray(skimage.data.astronaut())
    several = [astronaut.copy() for _ in range(7)]
    for index, photo in enumerate(several):
        photo[-1, 0] = 2 * index
    several[4] = np.zeros((40, 30, 3), np.uint8)
    return several


def _aligner(detector: FaceDetector) -> FaceAligner3D:
    return FaceAligner3D("lite", device="cpu", detector=detector)


def test_the_protocol() -> None:
    assert isinstance(Together(), BatchFaceDetector)
    assert not isinstance(OneByOne(), BatchFaceDetector)
    assert [photos_at_a_time(each) for each in (OneByOne(), Together(), Together(0))] == [1, 3, 1]


def test_each_photo_alone_where_together_fails() -> None:
    fine, broken = np.full((20, 20, 3), 5, np.uint8), np.ones((13, 20, 3), np.uint8)
    first, failure, last = detected_boxes(Together(), [fine, broken, fine])
    assert isinstance(failure, RuntimeError)
    (face,) = detected_boxes(OneByOne(), [fine])[0]  # type: ignore[misc]
    for found in (first, last):
        assert isinstance(found, list)
        assert isinstance(found[0], FaceBox)
        np.testing.assert_array_equal(found[0].box, face.box)


def test_as_many_lists_as_photos_are_asked_for() -> None:
    class Wrong(Together):
        def detect_batch(self, images_rgb: Sequence[np.ndarray], /) -> Sequence[Sequence[Detection]]:
            return [[]]

    photo = np.ones((20, 20, 3), np.uint8)
    results = detected_boxes(Wrong(), [photo] * 3)
    assert [type(each) for each in results] == [BoxError] * 3
    assert "a list of detections for each image; got 1 for 3 images" in str(results[0])


def test_a_batch_is_searched_together(photos: list[np.ndarray]) -> None:
    detector = Together()
    single = [_aligner(OneByOne()).detect(photo) for photo in photos]
    boxes = [None, None, [BOX], None, None, None, None]
    for given in (None, boxes):
        detector.calls.clear()
        found = _aligner(detector).detect_batch(photos, boxes=given)
        assert detector.calls == ([3, 3] if given is None else [2, 3])  # And one alone.
        assert [len(faces) for faces in found] == [1, 1, 1, 1, 0, 1, 1]
        for index, (faces, expected) in enumerate(zip(found, single, strict=True)):
            for face, other in zip(faces, expected, strict=True):
                if given is None or given[index] is None:
                    np.testing.assert_array_equal(face.box, other.box)
                    np.testing.assert_allclose(face.landmarks, other.landmarks, atol=1e-3)
                    assert face.score == other.score


def test_large_photos_are_fewer_together(photos: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    detector = Together(most=7)
    monkeypatch.setattr(photo_views, "MOST_PIXELS", 2 * 512 * 512)
    assert len(_aligner(detector).detect_batch(photos)) == 7
    assert detector.calls == [2, 2, 3]  # The black one is small.


def test_a_sequence_that_makes_its_photos_is_searched_one_by_one(photos: list[np.ndarray]) -> None:
    class OneBuffer(Sequence):  # type: ignore[type-arg]
        buffer = np.empty_like(photos[0])

        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> np.ndarray:  # type: ignore[override]
            self.buffer[:] = photos[range(4)[index]]
            return self.buffer

    detector = Together()
    found = _aligner(detector).detect_batch(OneBuffer())
    assert detector.calls == []
    for (face,), photo in zip(found, photos[:4], strict=True):
        (expected,) = _aligner(OneByOne()).detect(photo)
        np.testing.assert_array_equal(face.box, expected.box)


def test_errors_name_the_photo(photos: list[np.ndarray]) -> None:
    class Points(Together):
        def detect(self, image_rgb: np.ndarray) -> Sequence[Detection]:
            return [Detection(np.zeros(4), 0.9)] if not image_rgb.any() else super().detect(image_rgb)

    with pytest.raises(BoxError, match=r"image 4 of the batch: from the detector: boxes must"):
        _aligner(Points()).detect_batch(photos)
    with pytest.raises(ImageError, match=r"image 5 of the batch: .*no such file"):
        _aligner(Together()).detect_batch([*photos[:5], "missing.jpg"])


def test_a_stream_is_searched_together(photos: list[np.ndarray]) -> None:
    detector = Together(most=4)
    images = [photos[0], "missing.jpg", photos[1], np.ones((13, 9, 3), np.uint8), *photos[2:]]
    results = list(_aligner(detector).align_many(images, prefetch=8, workers=2))
    assert max(detector.calls) > 1
    assert [item.index for item in results] == list(range(9))
    assert [type(item.error) for item in results] == [type(None), ImageError, type(None), RuntimeError] + [
        type(None)
    ] * 5
    for item in results:
        assert item.image is images[item.index]
        if item.error is None:
            single = _aligner(OneByOne()).detect(item.image)
            for face, other in zip(item.faces, single, strict=True):
                np.testing.assert_allclose(face.landmarks, other.landmarks, atol=1e-3)


@pytest.mark.parametrize(("prefetch", "most"), [(1, 1), (4, 2), (9, 4), (40, 4)])
def test_a_stream_reads_no_further_than_it_may(photos: list[np.ndarray], prefetch: int, most: int) -> None:
    read = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal read
        while True:
            read += 1
            yield photos[0]

    detector = Together(most=4)
    stream = _aligner(detector).align_many(endless(), prefetch=prefetch, workers=2)
    assert [next(stream).index for _ in range(5)] == [0, 1, 2, 3, 4]
    assert read <= 5 + 2 * prefetch
    assert max(detector.calls, default=1) <= most
    stream.close()


def test_what_came_before_a_failure_of_the_source_comes_first(photos: list[np.ndarray]) -> None:
    def failing() -> Iterator[np.ndarray]:
        yield from photos[:5]
        raise OSError("the disk is gone")

    stream = _aligner(Together(most=4)).align_many(failing(), prefetch=8)
    assert [next(stream).index for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(OSError, match="the disk is gone"):
        next(stream)
