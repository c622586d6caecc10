"""Photos are shrunk to the size asked for, by the mean of what each pixel covers."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import skimage.data

from face_alignment_3d.detection.resizing import resized


def _ramp(height: int, width: int) -> npt.NDArray[np.uint8]:
    """Values that grow evenly to the right and downwards."""
    y, x = np.mgrid[0:height, 0:width]
    return np.repeat(((x + 0.5) / width * 120 + (y + 0.5) / height * 120)[..., None], 3, axis=2).astype(
        np.uint8
    )


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("shape", [(640, 640), (481, 640), (1281, 963), (3001, 701), (300, 200), (7, 900)])
@pytest.mark.parametrize("scale", [0.9, 0.4, 0.21, 0.05])
def test_places_stay_where_they_are(shape: tuple[int, int], scale: float, quick: bool) -> None:
    small = resized(_ramp(*shape), scale, quick=quick)
    assert small.shape == (max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale)), 3)
    assert np.abs(small.astype(int) - _ramp(*small.shape[:2])).max() <= 2


def test_what_needs_no_change_is_not_copied() -> None:
    photo = _ramp(40, 60)
    assert resized(photo, 1.0) is photo
    assert resized(photo, 0.999) is photo


@pytest.mark.parametrize("quick", [False, True])
def test_a_photo_is_nearly_its_means_over_areas(quick: bool) -> None:
    photo = skimage.data.astronaut()
    for scale in (0.5, 0.4, 0.23, 0.11):
        small = resized(photo, scale, quick=quick).astype(float)
        size = small.shape[1::-1]
        means = cv2.resize(photo, size, interpolation=cv2.INTER_AREA).astype(float)
        assert np.sqrt(np.square(small - means).mean()) < 10


def test_a_photo_is_enlarged_as_asked_for() -> None:
    photo = _ramp(10, 20)
    np.testing.assert_array_equal(
        resized(photo, 2.0, enlarging=cv2.INTER_NEAREST), photo.repeat(2, axis=0).repeat(2, axis=1)
    )
