import copy

import pytest
import torch

from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.networks.compact.depth import CompactDepth
from face_alignment_3d.networks.compact.detection import CompactDetection, DetectionWidths
from face_alignment_3d.networks.compact.regression import CompactRegression
from face_alignment_3d.networks.presets import PRESETS
from face_alignment_3d.training.pruning.narrow import narrow
from tests.training.small_cascade import GEOMETRY, seeded_cascade, small_cascade
from tests.training.small_paper_cascade import small_paper_cascade

IMAGE = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def slim_cascade(*, regression=(12, 12), stem=4):
    widths = DetectionWidths(
        stem=stem, features=6, stages=(6, 4, 8), blocks=(1, 1, 1, 1), decoder=10, deconvolution=2
    )
    return Cascade(
        GEOMETRY,
        CompactDetection(66, widths),
        CompactRegression(66, 16, regression, deconvolution=2),
        CompactDepth(66, stem=(4, 8), stages=(8, 12, 16), prior=32),
    )


def without_channels(cascade, slim):
    """Makes the channels that the slim one has no room for do nothing: factors and offsets of norms are 0."""
    counts = {name: m.num_features for name, m in slim.named_modules() if isinstance(m, torch.nn.BatchNorm2d)}
    for name, norm in cascade.named_modules():
        if isinstance(norm, torch.nn.BatchNorm2d) and name.startswith(("detection", "regression")):
            # Shortcuts and what is added to them must lose the same channels: here always the last ones.
            norm.weight.data[: counts[name]] = norm.weight.data[: counts[name]].abs() + 0.5
            norm.weight.data[counts[name] :] = 0
            norm.bias.data[counts[name] :] = 0
            norm.running_mean.zero_()


def outputs(cascade):
    with torch.no_grad():
        logits, features = cascade.detection(IMAGE)
        return logits, cascade.regression(logits, features)[0]


def test_a_cascade_whose_other_channels_do_nothing_computes_the_same():
    wide, slim = seeded_cascade(1).eval(), seeded_cascade(2, slim_cascade).eval()
    without_channels(wide, slim)
    narrow(wide, slim)
    for expected, found in zip(outputs(wide), outputs(slim), strict=True):
        assert expected.std() > 0.01
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_channels_with_the_largest_factors_are_kept():
    wide, slim = seeded_cascade(1), seeded_cascade(2, slim_cascade)
    norm = wide.detection.decoder[1][1]
    norm.weight.data = torch.linspace(-1, 1, 16)
    narrow(wide, slim)
    kept = slim.detection.decoder[1][1].weight
    assert set(kept.tolist()) == set(norm.weight[[0, 1, 2, 3, 4, 11, 12, 13, 14, 15]].tolist())
    assert kept.tolist() == sorted(kept.tolist())


def test_equal_widths_are_a_copy_of_detection_and_regression():
    wide, slim = seeded_cascade(1), seeded_cascade(2)
    before = copy.deepcopy(slim.state_dict())
    narrow(wide, slim)
    given = wide.state_dict()
    for name, tensor in slim.state_dict().items():
        expected = given if name.startswith(("detection", "regression")) else before
        assert torch.equal(tensor, expected[name]), name


def test_levels_that_one_of_them_lacks_stay_random():
    wide, slim = seeded_cascade(1), seeded_cascade(2, lambda: slim_cascade(regression=(12, 12, 8)))
    before = copy.deepcopy(slim.regression.hourglass.inner.state_dict())
    narrow(wide, slim)
    after = slim.regression.hourglass.inner.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


@pytest.mark.parametrize("slim", [small_paper_cascade, lambda: slim_cascade(stem=8)])
def test_what_cannot_be_cut_is_refused(slim):
    with pytest.raises(ValueError, match="expected"):
        narrow(small_cascade(), slim())


def test_nano_is_cut_from_lite():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        lite, nano = PRESETS["lite"](), PRESETS["nano"]()
    narrow(lite, nano)
    assert torch.equal(nano.detection.score.bias, lite.detection.score.bias)
    assert torch.equal(nano.regression.score.bias, lite.regression.score.bias)
