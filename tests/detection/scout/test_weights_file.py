"""A scout's weight file: the same weights back, and nothing else is taken for one."""

from pathlib import Path

import pytest
import safetensors.torch
import torch

from face_alignment_3d.detection.scout.network import ScoutNetwork
from face_alignment_3d.detection.scout.weights_file import load_scout, save_scout
from face_alignment_3d.errors import WeightsError
from face_alignment_3d.weights.loading import load_cascade
from face_alignment_3d.weights.safetensors_file import read_metadata


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    path = tmp_path / "scout.safetensors"
    save_scout(ScoutNetwork().eval(), path, metadata={"seed": "3"})
    return path


def test_the_same_weights_come_back(file: Path) -> None:
    torch.manual_seed(3)
    original, loaded = ScoutNetwork().eval(), load_scout(file)
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, original.state_dict()[name].half().float().to(tensor.dtype)), name
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert read_metadata(file)["seed"] == "3"
    assert file.stat().st_size < 500_000


def test_the_same_network_gives_the_same_bytes(file: Path, tmp_path: Path) -> None:
    save_scout(load_scout(file), tmp_path / "again.safetensors", metadata={"seed": "3"})
    assert (tmp_path / "again.safetensors").read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop("output.bias"), "lacks output.bias"),
        (lambda tensors: tensors.update(extra=torch.zeros(2)), "has the unknown extra"),
        (
            lambda tensors: tensors.update({"output.bias": torch.zeros(3)}),
            r"bias \(3,\) instead of \(7,\)",
        ),
        (
            lambda tensors: tensors["output.bias"].fill_(float("nan")),
            "not finite in output.bias",
        ),
    ],
)
def test_what_does_not_fit_is_refused(file: Path, change, message: str) -> None:  # type: ignore[no-untyped-def]
    metadata, tensors = dict(read_metadata(file)), safetensors.torch.load_file(file)
    change(tensors)
    safetensors.torch.save_file(tensors, file, metadata)
    with pytest.raises(WeightsError, match=message):
        load_scout(file)


def test_weights_of_another_kind_are_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"holds the weights of the detector"):
        load_cascade(file)
    other = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"output.bias": torch.zeros(7)}, other, {"format": "another"})
    with pytest.raises(WeightsError, match="does not hold a scout of this version"):
        load_scout(other)
    with pytest.raises(WeightsError, match="no weight file"):
        load_scout(tmp_path / "nothing.safetensors")


def test_weights_that_fp16_cannot_hold_are_not_written(tmp_path: Path) -> None:
    network = ScoutNetwork()
    with torch.no_grad():
        network.output.weight[0] = 1e6
    with pytest.raises(WeightsError, match="fp16 cannot hold"):
        save_scout(network, tmp_path / "x.safetensors", metadata={})
    assert not (tmp_path / "x.safetensors").exists()
