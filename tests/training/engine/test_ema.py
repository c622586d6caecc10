import copy

import torch

from face_alignment_3d.training.engine.ema import ModelEMA
from tests.training.small_cascade import seeded_cascade


def test_it_follows_by_its_decay():
    first, second = seeded_cascade(1), seeded_cascade(2)
    averaged = ModelEMA(first, 0.9)
    averaged.update(second, step=10_000)
    old, new = first.state_dict(), second.state_dict()
    for name, tensor in averaged.network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            assert tensor == 2
        else:
            torch.testing.assert_close(tensor, 0.9 * old[name] + 0.1 * new[name])


def test_the_first_steps_forget_the_start():
    averaged = ModelEMA(seeded_cascade(1), 0.999)
    last = seeded_cascade(2)
    for step in range(60):
        averaged.update(last, step)
    weight = averaged.network.detection.score.weight
    torch.testing.assert_close(weight, last.detection.score.weight, atol=1e-3, rtol=0)


def test_what_is_followed_stays_as_it_is():
    cascade = seeded_cascade(1).train()
    before = copy.deepcopy(cascade.state_dict())
    averaged = ModelEMA(cascade, 0.5)
    averaged.update(cascade, 0)
    averaged.network.detection.score.weight.zero_()
    for name, tensor in cascade.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert cascade.training
    assert not averaged.network.training
    assert not any(p.requires_grad for p in averaged.network.parameters())
