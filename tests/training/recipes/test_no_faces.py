"""Samples without a face: suspected places of everyday photos without people."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from face_alignment_3d.crop import box_around
from face_alignment_3d.training.data.datasets.everyday import everyday_photos, names_with_people
from face_alignment_3d.training.recipes.no_faces import (
    FILE_NAME,
    HOLDOUT_EVERY,
    find_no_faces,
    no_face_samples,
)

_FACE_SIZE = 40


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    (data / "everyday").mkdir()
    generator = np.random.default_rng(0)
    for name in [f"photo{index:02}.jpg" for index in range(HOLDOUT_EVERY + 2)] + _people():
        image = generator.integers(0, 60, (160, 200, 3), dtype=np.uint8)
        cv2.circle(image, (100, 80), 45, (150, 180, 220), -1)
        for x in (80, 120):
            cv2.circle(image, (x, 70), 6, (20, 20, 20), -1)
        cv2.ellipse(image, (100, 100), (18, 6), 0, 0, 360, (60, 60, 160), -1)
        assert cv2.imwrite(str(data / "everyday" / name), image)
    return data


def _people() -> list[str]:
    return sorted(names_with_people())[:1]


def test_photos_with_people_are_left_out(data: Path) -> None:
    names = [file.name for file in everyday_photos(data)]
    assert len(names) == HOLDOUT_EVERY + 2
    assert names == sorted(names)
    assert not set(_people()) & set(names)


def test_suspected_places_of_the_photos_that_are_not_held_out(data: Path) -> None:
    find_no_faces(data, data)
    samples = no_face_samples(data, data, face_size=_FACE_SIZE)
    photos = {sample.name for sample in samples}
    assert photos == {f"everyday/photo{i:02}" for i in range(HOLDOUT_EVERY + 2) if i % HOLDOUT_EVERY}
    for sample in samples:
        x0, y0, x1, y1 = box_around(sample.points)
        assert 1 < max(x1 - x0, y1 - y0) < _FACE_SIZE + 1  # Photos have whole pixels.
        assert sample.absent.tolist() == [1] * 66
        for nothing in (sample.weight_xy, sample.weight_z, sample.weight_visible):
            assert not nothing.any()
    # The drawing fills its crop as a face would.
    largest = max(samples, key=lambda sample: np.ptp(sample.points[:, 0]))
    assert max(largest.image.shape[:2]) > _FACE_SIZE


def test_places_are_found_once(data: Path) -> None:
    find_no_faces(data, data)
    before = (data / FILE_NAME).stat()
    find_no_faces(data, data)
    assert (data / FILE_NAME).stat().st_mtime_ns == before.st_mtime_ns


def test_without_everyday_photos_there_are_none(tmp_path: Path) -> None:
    find_no_faces(tmp_path, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert no_face_samples(tmp_path, tmp_path, face_size=_FACE_SIZE) == []
