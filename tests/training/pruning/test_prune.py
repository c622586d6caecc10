import copy

import pytest
import torch

from face_alignment_3d.training.pruning.prune import prune
from tests.training.small_cascade import seeded_cascade, wide_cascade


def crops(count=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    coarse = 255 * torch.rand(count, 3, 8, 8, generator=generator)
    return torch.nn.functional.interpolate(coarse, size=(64, 64), mode="bilinear")


def upsamplings(cascade):
    return [module for module in cascade.modules() if isinstance(module, torch.nn.ConvTranspose2d)]


@pytest.fixture
def wide():
    return seeded_cascade(1, wide_cascade).eval().requires_grad_(False)


def without_blocks(wide):
    """The blocks that the narrow one lacks, made to do nothing."""
    for stage in wide.detection.encoder[1:]:
        stage[1].residual[-1].weight.zero_()
        stage[1].residual[-1].bias.zero_()


def without_neighbors(wide):
    """Deconvolutions whose outer taps, those that see the cells beside, are 0."""
    for layer in upsamplings(wide):
        layer.weight[:, :, [0, 3]] = 0
        layer.weight[:, :, :, [0, 3]] = 0


def test_what_a_narrow_cascade_can_compute_it_computes(wide):
    without_blocks(wide)
    without_neighbors(wide)
    narrow = seeded_cascade(2)
    prune(wide, narrow, [crops(seed=1), crops(seed=2)])
    narrow.eval()
    with torch.no_grad():
        expected, confidence, visibility = wide(crops(seed=1))
        points, own_confidence, own_visibility = narrow(crops(seed=1))
    assert expected.flatten(1).std(dim=1).min() > 1  # These are not all one point.
    torch.testing.assert_close(points, expected, atol=0.02, rtol=0)
    torch.testing.assert_close(own_confidence, confidence, atol=1e-3, rtol=0)
    torch.testing.assert_close(own_visibility, visibility, atol=1e-3, rtol=0)


@torch.no_grad()
def test_what_it_cannot_is_fitted(wide):
    narrow, seen = seeded_cascade(2), crops(count=12)
    prune(wide, narrow, [seen[:6], seen[6:]])
    caught = {}
    for cascade in (wide, narrow.eval()):
        for name in ("detection.decoder.0.1", "detection.decoder.1.1", "regression.hourglass.up.1"):
            cascade.get_submodule(name).register_forward_hook(
                lambda _, given, output, name=name: caught.setdefault(name, []).append(output.clone())
            )
        cascade(seen)
    for name, (wanted, found) in caught.items():
        missed = (found - wanted).square().mean() / wanted.var(dim=(0, 2, 3)).mean()
        assert 0 < missed < 0.3, name


def test_batch_norms_know_what_they_will_see_in_training(wide):
    narrow = seeded_cascade(2)
    seen = crops(count=16, seed=3)
    prune(wide, narrow, [seen])
    outputs = {}
    for mode in (False, True):
        narrow.train(mode)
        for upsampling in narrow.detection.decoder:
            upsampling[1].momentum = 0
        narrow.detection.decoder[0][1].register_forward_hook(
            lambda _, given, output, mode=mode: outputs.__setitem__(mode, output.clone())
        )
        # The encoder alone stays in eval mode, so that the first deconvolution sees the same in both.
        narrow.detection.stem.eval()
        narrow.detection.encoder.eval()
        with torch.no_grad():
            narrow.detection(narrow.normalize(seen))
    torch.testing.assert_close(outputs[True], outputs[False], atol=0.05, rtol=0.05)


def test_the_wide_one_and_the_modes_stay_as_they_were(wide):
    before = copy.deepcopy(wide.state_dict())
    narrow = seeded_cascade(2).train()
    prune(wide, narrow, [crops()])
    assert all(torch.equal(before[name], tensor) for name, tensor in wide.state_dict().items())
    assert narrow.training
    assert not wide.training
    assert all(parameter.requires_grad for parameter in narrow.parameters())


def test_the_same_crops_give_the_same_cascade(wide):
    cut = [seeded_cascade(2), seeded_cascade(2)]
    for narrow in cut:
        prune(wide, narrow, (crops(seed=seed) for seed in range(2)))
    first, second = (narrow.state_dict() for narrow in cut)
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_a_kernel_that_cannot_be_fitted_is_refused(wide):
    with pytest.raises(ValueError, match="kernel 2 without bias"):
        prune(seeded_cascade(3), wide, [crops()])
