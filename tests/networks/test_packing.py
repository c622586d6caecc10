"""Packed convolutions compute what the layers that they replace do."""

import copy

import pytest
import torch
from torch import nn

from face_alignment_3d.networks.packing import PackedConvolution, can_pack, pack_convolutions

needs_onednn = pytest.mark.skipif(not can_pack(), reason="this build of torch has no oneDNN")


class _Branches(nn.Module):
    """Convolutions by name, in sequences and in a shortcut; a ReLU that belongs to no convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.body = nn.Sequential(
            nn.Conv2d(16, 32, 3, padding=1, bias=False),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 16, 1),
            nn.ReLU(),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=2, dilation=2, groups=4),
        )
        self.same = nn.Conv2d(16, 5, 3, padding="same")
        self.mirrored = nn.Conv2d(5, 8, 3, padding=1, padding_mode="reflect")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        entered = self.enter(x)
        out: torch.Tensor = self.mirrored(self.same(torch.relu(entered + self.body(entered))))
        return out


def _network() -> nn.Module:
    torch.manual_seed(0)
    return _Branches().eval().requires_grad_(False)


def _images(count: int, side: int = 24) -> torch.Tensor:
    return torch.randn(count, 3, side, side).to(memory_format=torch.channels_last)


@needs_onednn
@torch.inference_mode()
def test_a_packed_network_is_the_same_function_for_any_batch_and_size() -> None:
    network = _network()
    packed = copy.deepcopy(network)
    pack_convolutions(packed, _images(1))
    for images in (_images(1), _images(5), _images(2, side=40), _images(2).contiguous()):
        torch.testing.assert_close(packed(images), network(images), atol=1e-5, rtol=1e-5)


@needs_onednn
def test_what_is_packed_and_what_stays() -> None:
    network = _network()
    pack_convolutions(network, _images(1))
    kinds = [type(module).__name__ for module in network.body]
    assert kinds == ["PackedConvolution", "Identity"] * 2 + ["ReLU", "PackedConvolution"]
    assert [network.body[i].activation for i in (0, 2, 5)] == ["relu", "relu", "none"]
    assert isinstance(network.enter, PackedConvolution)
    # oneDNN has neither of these ways to fill up the border.
    assert type(network.same) is type(network.mirrored) is nn.Conv2d


@needs_onednn
@torch.inference_mode()
def test_it_can_be_recorded() -> None:
    network = _network()
    images = _images(3)
    expected = network(images)
    pack_convolutions(network, images[:1])
    with torch.no_grad():
        recorded = torch.jit.freeze(torch.jit.trace(network, images[:2], check_trace=False))
    torch.testing.assert_close(recorded(images), expected, atol=1e-5, rtol=1e-5)


def test_a_network_in_training_is_not_packed() -> None:
    with pytest.raises(ValueError, match="eval mode"):
        pack_convolutions(nn.Sequential(nn.Conv2d(3, 3, 1)), torch.zeros(1, 3, 4, 4))


def test_without_onednn_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not can_pack()
    with pytest.raises(RuntimeError, match="no oneDNN"):
        pack_convolutions(_network(), _images(1))
