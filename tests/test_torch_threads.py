"""torch works with fewer threads where more would have no cores, and has its own number back afterwards."""

import pytest
import torch

from face_alignment_3d import torch_settings
from face_alignment_3d.torch_settings import considerate_threads, own_inference


@pytest.fixture(autouse=True)
def _three_threads() -> object:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("cores", "fair", "inside"), [(8, 8, 3), (2, 8, 2), (8, 1, 1), (3, 3, 3)])
def test_inside_and_afterwards(monkeypatch: pytest.MonkeyPatch, cores: int, fair: int, inside: int) -> None:
    monkeypatch.setattr(torch_settings, "_cores", lambda: cores)
    monkeypatch.setattr(torch_settings, "fair_threads", lambda threads: min(threads, fair))
    with considerate_threads():
        assert torch.get_num_threads() == inside
    assert torch.get_num_threads() == 3


def test_after_an_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_settings, "fair_threads", lambda threads: 1)
    with pytest.raises(KeyError), considerate_threads():
        raise KeyError
    assert torch.get_num_threads() == 3


def test_networks_run_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_settings, "fair_threads", lambda threads: 1)
    with own_inference("cpu"):
        assert torch.get_num_threads() == 1
    with own_inference("cuda"):
        assert torch.get_num_threads() == 3


def test_determinism_goes_before_consideration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_settings, "_cores", lambda: 2)
    monkeypatch.setattr(torch_settings, "fair_threads", lambda threads: 1)
    torch.use_deterministic_algorithms(True)
    try:
        with considerate_threads():
            assert torch.get_num_threads() == 2
    finally:
        torch.use_deterministic_algorithms(False)
