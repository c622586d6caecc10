"""The choice of a runtime, and the arguments that each refuses."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from face_alignment_3d import BackendError, DeviceError, WeightsError
from face_alignment_3d.backends import factory
from face_alignment_3d.backends.factory import choose, open_backend
from face_alignment_3d.backends.session import open_session


def test_auto_follows_the_file_and_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose("lite", "auto") == "torch"
    assert choose(Path("folder") / "lite.onnx", "auto") == "onnx"
    monkeypatch.setattr(factory, "is_installed", lambda name: False)
    assert choose("lite", "auto") == "onnx"
    assert choose("lite", "torch") == "torch"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "tensorrt"}, "backend must be 'auto', 'torch' or 'onnx'; got 'tensorrt'"),
        ({"weights": "a.onnx", "backend": "torch"}, "a.onnx is an ONNX file; use backend 'onnx'"),
        ({"backend": "torch", "threads": 2}, "torch.set_num_threads"),
        ({"backend": "onnx", "dtype": "bfloat16"}, "'bfloat16' and compile=False are for backend 'torch'"),
        ({"backend": "onnx", "compile": True}, "compile=True are for backend 'torch'"),
        ({"backend": "torch", "device": "cpu", "dtype": "int8"}, "dtype must be one of 'float32', .*'int8'"),
        ({"backend": "torch", "device": "cpu", "dtype": "float16"}, "'float16' is not for device 'cpu'"),
    ],
)
def test_what_a_runtime_cannot_do_is_refused(options: dict, message: str) -> None:
    with pytest.raises(BackendError, match=message):
        open_backend(**{"weights": "lite", **options})


def test_a_missing_runtime_is_named(monkeypatch: pytest.MonkeyPatch, lite_graph: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BackendError, match=r"needs onnxruntime, .*pip install 'face-alignment-3d\[onnx\]'"):
        open_backend(lite_graph)


@pytest.mark.parametrize("device", ["mps", "cuda:x", "gpu", "CPU"])
def test_devices_that_onnx_runtime_does_not_know(device: str, lite_graph: Path) -> None:
    with pytest.raises(DeviceError, match=f"'cuda:1', ...; got '{device}'"):
        open_session(lite_graph, device=device)


def test_cuda_needs_a_build_with_cuda(monkeypatch: pytest.MonkeyPatch, lite_graph: Path) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(DeviceError, match="install onnxruntime-gpu"):
        open_session(lite_graph, device="cuda:1")


def test_threads_below_one_are_refused(lite_graph: Path) -> None:
    with pytest.raises(ValueError, match="threads must be None or from 1 to 1024; got 0"):
        open_session(lite_graph, threads=0)


def test_files_that_are_no_graph_are_refused(tmp_path: Path, detector_graphs_folder: Path) -> None:
    with pytest.raises(WeightsError, match=r"no ONNX file .*absent\.onnx"):
        open_backend(tmp_path / "absent.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no graph")
    with pytest.raises(WeightsError, match=r"cannot load .*broken\.onnx"):
        _ = open_backend(broken).geometry
    with pytest.raises(WeightsError, match="should have format 'face-alignment-3d onnx cascade'"):
        _ = open_backend(detector_graphs_folder / "mtcnn-output.onnx").geometry


def test_compiling_is_by_choice_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda module: compiled.append(module) or module)
    _ = open_backend("lite", device="cpu").geometry
    assert not compiled
    _ = open_backend("lite", device="cpu", compile=True).geometry
    assert len(compiled) == 1


def test_a_compiler_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class InductorError(Exception):
        pass

    InductorError.__module__ = "torch._inductor.exc"

    def compile_later(module: object) -> object:
        def run(pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
            raise InductorError("InvalidCxxCompiler: no working C++ compiler\nand a page of advice")

        return run

    monkeypatch.setattr(torch, "compile", compile_later)
    backend = open_backend("lite", device="cpu", compile=True)
    with pytest.raises(BackendError, match=r"torch.compile failed \(InvalidCxxCompiler.*compiler\); install"):
        backend.run(np.zeros((1, 128, 128, 3), np.uint8))
