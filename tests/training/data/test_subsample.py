import numpy as np
import pytest

from face_alignment_3d.errors import DataError
from face_alignment_3d.training.data.subsample import subsample


@pytest.mark.parametrize("limit", [1, 2, 7, 99, 100])
def test_gaps_differ_by_one_at_most(limit):
    chosen = subsample(100, limit)
    assert len(chosen) == limit
    gaps = np.diff(chosen, append=100)
    assert chosen[0] == 0
    assert gaps.min() >= 1
    assert gaps.max() - gaps.min() <= 1


def test_some_of_ten():
    assert subsample(10, 4).tolist() == [0, 2, 5, 7]


@pytest.mark.parametrize("limit", [None, 5, 6])
def test_all_items_where_the_limit_allows_it(limit):
    assert subsample(5, limit).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("limit", [None, 3])
def test_nothing_of_nothing(limit):
    assert subsample(0, limit).tolist() == []


@pytest.mark.parametrize("limit", [0, -2])
def test_a_limit_below_one_is_refused(limit):
    with pytest.raises(DataError, match=f"at least 1; got {limit}"):
        subsample(5, limit)
