"""``info`` says what is installed, and how fast it is."""

import importlib.util
import re
from typing import Any

import cv2
import onnxruntime
import pytest
import torch

from face_alignment_3d.cli import main
from face_alignment_3d.version import __version__


def test_facts_and_speed(stub_aligner: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--device", "cpu"]) == 0
    facts = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert facts["face-alignment-3d"] == __version__
    assert facts["torch"] == torch.__version__
    assert facts["onnxruntime"] == onnxruntime.__version__
    assert facts["opencv"] == cv2.__version__
    assert int(facts["cpu threads"]) == torch.get_num_threads()
    assert sum(name.startswith("cuda:") for name in facts) == torch.cuda.device_count()
    assert re.fullmatch(r"\d+\.\d ms on cpu \(box given, median of 20 runs\)", facts["one face"])
    (aligner,) = stub_aligner.made
    assert len(aligner.calls) == 23
    assert all(boxes is not None for boxes in aligner.calls)


def test_without_weights_the_rest_is_still_said(
    stub_aligner: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", "--weights", "missing"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"face-alignment-3d: {__version__}"
    assert lines[-1] == "one face: not measured: weights 'missing' are nowhere; train them"


def test_with_the_embedded_weights(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert "weights lite: " in out
    assert " ms on cpu" in out


def test_without_torch_the_rest_is_said(
    stub_aligner: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "face_alignment_3d.cli.info.is_installed", lambda name: name != "torch" and real(name) is not None
    )
    assert main(["info"]) == 0
    facts = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert facts["torch"] == "not installed"
    assert facts["opencv"] == cv2.__version__
    assert "cpu threads" not in facts
