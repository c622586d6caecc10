"""Views of faces, and when their crops are made."""

import gc
import weakref

import numpy as np
import pytest
import torch

from face_alignment_3d.boxes import FaceBox
from face_alignment_3d.crop import Crop, crop_around
from face_alignment_3d.face_views import FaceViewCrops, face_views
from face_alignment_3d.networks.geometry import CascadeGeometry
from face_alignment_3d.networks.presets import lite

BOX = np.float32([10, 20, 40, 50])
FACES = [FaceBox(BOX + index, 0.5, 0.1 * index) for index in range(5)]


@pytest.fixture(scope="module")
def geometry() -> CascadeGeometry:
    with torch.device("meta"):
        return lite().geometry


def _photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (70, 80, 3), dtype=np.uint8)


def _crops(geometry: CascadeGeometry) -> list[Crop]:
    size, scale = geometry.input_size, geometry.crop_scale
    return [crop_around(face.box, size=size, crop_scale=scale, angle=face.roll) for face in FACES]


def test_slices_are_the_crops(geometry: CascadeGeometry) -> None:
    photo = _photo()
    views = face_views(photo, FACES, geometry)
    assert [view.crop for view in views] == _crops(geometry)
    crops = FaceViewCrops(views)
    expected = np.stack([crop.sample(photo) for crop in _crops(geometry)])
    assert len(crops) == 5
    np.testing.assert_array_equal(crops[:], expected)
    np.testing.assert_array_equal(crops[1:3], expected[1:3])
    assert crops[:].flags.c_contiguous


def test_a_view_keeps_the_photo_until_it_is_sampled(geometry: CascadeGeometry) -> None:
    photo = _photo()
    gone = weakref.ref(photo)
    (view,) = face_views(photo, FACES[1:2], geometry)
    expected = view.crop.sample(photo)
    del photo
    gc.collect()
    assert gone() is not None
    view = view.sampled()
    gc.collect()
    assert gone() is None
    np.testing.assert_array_equal(view.pixels(), expected)
    assert view.face is FACES[1]
