"""Streams: what single calls give, in order, whatever fails on the way."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from face_alignment_3d import Detection, FaceAligner3D
from face_alignment_3d.errors import BoxError, ImageError

BOX = [179.0, 90, 268, 178]


class Detector:
    """A face in each image but in black ones, where it breaks."""

    def detect(self, image_rgb: np.ndarray) -> Sequence[Detection]:
        if not image_rgb.any():
            raise RuntimeError("the detector broke")
        return [Detection(np.array(BOX), 0.9)]


@pytest.fixture(scope="module")
def aligner() -> FaceAligner3D:
    return FaceAligner3D("lite", device="cpu", detector=Detector())


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.asarray(skimage.data.astronaut())


@pytest.mark.parametrize(("prefetch", "workers", "batch_size"), [(1, 1, 1), (3, 2, 2), (20, 4, 32)])
def test_results_are_those_of_single_calls(
    aligner: FaceAligner3D, photo: np.ndarray, prefetch: int, workers: int, batch_size: int
) -> None:
    images = [np.roll(photo, 9 * i, axis=1) for i in range(7)]
    boxes = [[BOX], None, [], [BOX, BOX], None, [BOX], None]
    stream = aligner.align_many(
        iter(images), boxes=iter(boxes), prefetch=prefetch, workers=workers, batch_size=batch_size
    )
    results = list(stream)
    assert [item.index for item in results] == list(range(7))
    for item, image, given in zip(results, images, boxes, strict=True):
        assert item.image is image
        assert item.error is None
        expected = aligner.detect(image, boxes=given)
        assert len(item.faces) == len(expected)
        for face, other in zip(item.faces, expected, strict=True):
            np.testing.assert_allclose(face.landmarks, other.landmarks, atol=1e-3)
            assert face.score == other.score


def test_a_failed_image_does_not_stop_the_others(
    aligner: FaceAligner3D, photo: np.ndarray, tmp_path: Path
) -> None:
    missing = tmp_path / "missing.jpg"
    results = list(aligner.align_many([photo, missing, np.zeros_like(photo), photo]))
    assert [len(item.faces) for item in results] == [1, 0, 0, 1]
    assert results[0].error is results[3].error is None
    assert isinstance(results[1].error, ImageError)
    assert results[1].image is missing
    assert str(results[2].error) == "the detector broke"
    wrong_box = list(aligner.align_many([photo, photo], boxes=[[[1, 2, 3]], [BOX]]))
    assert isinstance(wrong_box[0].error, BoxError)
    assert len(wrong_box[1].faces) == 1


def test_color_order_is_passed_on(aligner: FaceAligner3D, photo: np.ndarray) -> None:
    (item,) = aligner.align_many([photo[..., ::-1]], boxes=[[BOX]], color="bgr")
    expected = aligner.get_landmarks(photo, boxes=[BOX])[0]
    np.testing.assert_allclose(item.faces[0].landmarks, expected, atol=1e-4)


def test_the_stream_is_read_as_it_goes(aligner: FaceAligner3D, photo: np.ndarray) -> None:
    read = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal read
        while True:
            read += 1
            yield photo

    stream = aligner.align_many(endless(), prefetch=3)
    assert [next(stream).index for _ in range(5)] == [0, 1, 2, 3, 4]
    assert read <= 5 + 2 * 3
    stream.close()


def test_boxes_must_be_as_many_as_images(aligner: FaceAligner3D, photo: np.ndarray) -> None:
    stream = aligner.align_many([photo, photo], boxes=[[BOX]])
    assert next(stream).index == 0
    with pytest.raises(ValueError, match="shorter"):
        next(stream)


@pytest.mark.parametrize("option", ["batch_size", "prefetch", "workers"])
def test_options_out_of_range_are_refused_at_once(aligner: FaceAligner3D, option: str) -> None:
    with pytest.raises(ValueError, match=f"{option} must be at least 1; got 0"):
        aligner.align_many([], **{option: 0})


def test_a_single_image_is_no_stream(aligner: FaceAligner3D, photo: np.ndarray) -> None:
    for single in (photo, "photo.jpg", Path("photo.jpg")):
        with pytest.raises(ImageError, match="put a single image into a list"):
            aligner.align_many(single)  # type: ignore[arg-type]
