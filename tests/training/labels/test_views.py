import numpy as np
import pytest

from face_alignment_3d.errors import DataError
from face_alignment_3d.training.labels.views import CropView, ensemble_views, predict_view
from tests.training.small_cascade import seeded_cascade


@pytest.mark.parametrize("count", [2, 3, 8, 20, 64])
def test_views_are_many_and_always_the_same(count):
    views = ensemble_views(count)
    assert len(views) == len(set(views)) == count
    assert views == ensemble_views(64)[:count]
    assert views[0] == CropView()
    assert abs(2 * sum(view.mirrored for view in views) - count) <= 1
    for view in views:
        assert abs(view.degrees) <= 12
        assert max(abs(shift) for shift in view.shift) <= 0.04
        assert 0.9 < view.scale < 1.11


@pytest.mark.parametrize("count", [-1, 0, 1, 65])
def test_one_view_cannot_disagree(count):
    with pytest.raises(DataError, match=f"got {count}"):
        ensemble_views(count)


def test_no_faces_nothing_to_see():
    points = np.zeros((0, 66, 3), np.float32)
    assert predict_view(seeded_cascade(1), CropView(), points, [], np.zeros(0, np.float32)).shape == (
        0,
        66,
        3,
    )
