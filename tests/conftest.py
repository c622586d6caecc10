"""The graphs of the released networks, which take seconds to make, once for all tests; signals."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from face_alignment_3d.cli import main


@pytest.fixture(scope="session")
def lite_graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ONNX file of the released weights, as the command line writes it."""
    file = tmp_path_factory.mktemp("graph") / "made" / "lite.onnx"
    assert main(["export", "onnx", "lite", "-o", str(file), "--offline"]) == 0
    return file


@pytest.fixture(scope="session")
def detector_graphs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of MTCNN's ONNX files, as the command line writes it."""
    folder = tmp_path_factory.mktemp("graph") / "mtcnn"
    assert main(["export", "onnx", "mtcnn", "-o", str(folder)]) == 0
    return folder


@pytest.fixture
def terminal_signals() -> Iterator[None]:
    """Signals as in a terminal: under nohup, and in the background of a shell, some are ignored."""
    handlers: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    if hasattr(signal, "SIGHUP"):
        handlers[signal.SIGHUP] = signal.SIG_DFL
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
