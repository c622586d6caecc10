import dataclasses
import threading
import time
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from face_alignment_3d.training.data.augment import Geometric
from face_alignment_3d.training.data.photometric import Photometric
from face_alignment_3d.training.data.sample import Sample
from face_alignment_3d.training.engine.batches import BatchMaker, Pool, in_order, prefetch, rendered
from tests.training.small_cascade import GEOMETRY

SIZE = GEOMETRY.input_size


def _sample(name):
    """A sample that is known by its weights, which augmentation may mirror but does not change."""
    points = np.random.default_rng(name).uniform(10, 50, (66, 3)).astype(np.float32)
    points[:, 2] -= points[:, 2].mean()
    image = np.full((60, 60, 3), 3 * name, dtype=np.uint8)
    weight = np.full(66, name, dtype=np.float32)
    return Sample(str(name), image, points, weight, weight / 2)


def _maker(pools=None, *, seed=1, batch_size=4):
    if pools is None:
        pools = [
            Pool([_sample(i) for i in range(6)], 0.75, np.full(6, 1 / 6)),
            Pool([_sample(i) for i in range(6, 9)], 0.25, np.array([0.5, 0.5, 0.0])),
        ]
    return BatchMaker(pools, GEOMETRY, Geometric(), Photometric(), batch_size, seed)


def _equal(first, second):
    return all(torch.equal(getattr(first, n), getattr(second, n)) for n in vars(first))


def test_shapes_and_types():
    batch = _maker().batch(0)
    assert batch.crops.shape == (4, 3, SIZE, SIZE)
    assert batch.crops.dtype == torch.uint8
    assert batch.crops.is_contiguous(memory_format=torch.channels_last)
    assert batch.points.shape == (4, 66, 3)
    assert batch.weight_xy.shape == batch.weight_z.shape == (4, 66)
    assert batch.points.dtype == batch.weight_xy.dtype == batch.weight_z.dtype == torch.float32


def test_a_batch_is_a_function_of_seed_and_step():
    batch = _maker().batch(7)
    assert _equal(batch, _maker().batch(7))
    assert not _equal(batch, _maker().batch(8))
    assert not _equal(batch, _maker(seed=2).batch(7))


def test_prefetch_yields_the_steps_in_order():
    maker = _maker()
    batches = list(prefetch(maker, start=3, stop=15, depth=4, threads=3))
    assert len(batches) == 12
    for step, batch in enumerate(batches, start=3):
        assert _equal(batch, maker.batch(step))


def test_prefetch_of_nothing_is_empty():
    assert list(prefetch(_maker(), start=5, stop=5)) == []


class _Recording:
    """Makes nothing; notes what it was asked for."""

    def __init__(self, fails_at=None):
        self.asked = []
        self._fails_at = fails_at

    def __call__(self, step):
        self.asked.append(step)
        if step == self._fails_at:
            raise RuntimeError("no such batch")
        time.sleep(0.001)
        return step


def test_no_step_is_made_further_ahead_than_asked():
    make = _Recording()
    made = in_order(make, 0, 100, depth=5, threads=2)
    for step in range(10):
        assert next(made) == step
        assert max(make.asked) <= step + 5
    made.close()


def test_no_thread_is_left_when_the_consumer_breaks_off():
    before = set(threading.enumerate())
    make = _Recording()
    made = in_order(make, 0, 1000, depth=8, threads=2)
    next(made)
    assert set(threading.enumerate()) - before
    made.close()
    assert set(threading.enumerate()) == before
    asked = len(make.asked)
    time.sleep(0.02)
    assert len(make.asked) == asked < 20


def test_closing_the_batches_ends_their_threads():
    before = set(threading.enumerate())
    batches = prefetch(_maker(), start=0, stop=100)
    next(batches)
    batches.close()
    assert set(threading.enumerate()) == before


def test_an_error_in_a_batch_reaches_the_consumer_and_ends_the_threads():
    before = set(threading.enumerate())
    seen = []
    with pytest.raises(RuntimeError, match="no such batch"):
        seen.extend(in_order(_Recording(fails_at=3), 0, 100, depth=8, threads=2))
    assert seen == [0, 1, 2]
    assert set(threading.enumerate()) == before


def test_parts_of_a_batch_make_up_the_whole():
    whole = _maker(batch_size=6).batch(3)
    parts = [
        dataclasses.replace(_maker(batch_size=6), part=part).batch(3)
        for part in (slice(0, 2), slice(2, 4), slice(4, 6))
    ]
    for name, tensor in vars(whole).items():
        assert torch.equal(torch.cat([getattr(part, name) for part in parts]), tensor)


def test_a_part_reads_its_own_samples_only():
    class Noted(list):
        def __getitem__(self, index):
            read.append(index)
            return super().__getitem__(index)

    read = []
    pools = [Pool(Noted(_sample(i) for i in range(6)), 1.0, np.full(6, 1 / 6))]
    dataclasses.replace(_maker(pools), part=slice(1, 3)).batch(0)
    assert len(read) == 2


@pytest.mark.parametrize("stored", [True, False])
def test_a_packed_batch_renders_to_the_same_crops(stored):
    maker = dataclasses.replace(_maker(), photometric=Photometric(*[0.0] * 8))
    store = maker.photo_store()
    views, own = maker.packed(5, stored=stored)
    assert (own is None) == stored
    batch, other = maker.batch(5), rendered(views, store if stored else own)
    for name in ("points", "weight_xy", "weight_z", "visible", "weight_visible"):
        assert torch.equal(getattr(batch, name), getattr(other, name))
    assert (batch.crops.int() - other.crops.int()).abs().max() <= 1


def test_parts_are_rendered_of_their_own_photos():
    maker = _maker(batch_size=6)
    store, whole = maker.photo_store(), rendered(maker.packed(3, stored=True)[0], maker.photo_store())
    parts = [
        rendered(dataclasses.replace(maker, part=part).packed(3, stored=True)[0], store)
        for part in (slice(0, 2), slice(2, 6))
    ]
    for name, tensor in vars(whole).items():
        assert torch.equal(torch.cat([getattr(part, name) for part in parts]), tensor)


def test_photos_that_are_read_when_they_are_drawn_are_not_stored():
    class OnDemand(Sequence):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return _sample(index)

    maker = _maker([Pool(OnDemand(), 1.0, np.full(3, 1 / 3))])
    assert maker.photo_store() is None
    views, own = maker.packed(2, stored=False)
    assert rendered(views, own).crops.shape == (4, 3, SIZE, SIZE)


def test_shares_and_sampling_weights_are_kept():
    maker = _maker(batch_size=20)
    drawn = np.concatenate([maker.batch(step).weight_xy[:, 0].numpy() for step in range(60)])
    counts = np.bincount(drawn.astype(int), minlength=9) / len(drawn)
    np.testing.assert_allclose(counts[:6], 0.75 / 6, atol=0.04)
    np.testing.assert_allclose(counts[6:8], 0.125, atol=0.04)
    assert counts[8] == 0
