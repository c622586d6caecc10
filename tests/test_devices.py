"""The choice of a device."""

import pytest
import torch

from face_alignment_3d.devices import choose_device
from face_alignment_3d.errors import DeviceError


def test_auto_prefers_cuda_then_mps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device() == torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device() == torch.device("mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device() == torch.device("cpu")


def test_a_device_that_is_there_is_taken_as_it_is() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize(
    ("device", "count", "message"),
    [
        ("cuda", 0, "sees 0 CUDA devices here; use device='auto' or 'cpu'"),
        ("cuda:1", 1, "'cuda:1' was asked for, but .* sees 1 CUDA device"),
        ("mps", 0, "needs a Mac"),
        ("gpu", 0, "device must be 'auto', 'cpu', 'cuda'.*got 'gpu'"),
    ],
)
def test_a_device_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, device: str, count: int, message: str
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=message):
        choose_device(device)
