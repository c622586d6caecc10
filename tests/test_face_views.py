"""Views of faces, and when their crops are made."""

import gc
import weakref

import numpy as np

from face_alignment_3d.crop import Crop
from face_alignment_3d.face_views import FaceView, FaceViewCrops

BOX = np.float32([10, 20, 40, 50])
CROPS = [Crop(25.0 + i, 35.0, 40.0, 32, 0.1 * i) for i in range(5)]


def _photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (70, 80, 3), dtype=np.uint8)


def test_slices_are_the_crops() -> None:
    photo = _photo()
    crops = FaceViewCrops([FaceView.of(photo, crop, BOX, None) for crop in CROPS])
    expected = np.stack([crop.sample(photo) for crop in CROPS])
    assert len(crops) == 5
    np.testing.assert_array_equal(crops[:], expected)
    np.testing.assert_array_equal(crops[1:3], expected[1:3])
    assert crops[:].flags.c_contiguous


def test_a_view_keeps_the_photo_until_it_is_sampled() -> None:
    photo = _photo()
    gone = weakref.ref(photo)
    view = FaceView.of(photo, CROPS[1], BOX, 0.5)
    expected = CROPS[1].sample(photo)
    del photo
    gc.collect()
    assert gone() is not None
    view = view.sampled()
    gc.collect()
    assert gone() is None
    np.testing.assert_array_equal(view.pixels(), expected)
    assert (view.crop, view.score) == (CROPS[1], 0.5)
    np.testing.assert_array_equal(view.box, BOX)
