"""The graphs of the released networks, which take seconds to make: once for all tests that need them."""

from pathlib import Path

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
