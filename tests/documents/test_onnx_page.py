"""The code in docs/onnx.md runs as it stands, and its crop is the library's."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from face_alignment_3d import FaceAligner3D

PAGE = Path(__file__).parents[2] / "docs" / "onnx.md"


@pytest.fixture(scope="module")
def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture
def folder(
    lite_graph: Path, detector_graphs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The working folder: a photo, the graphs, and a cache that has nothing yet."""
    shutil.copy(lite_graph, tmp_path / "lite.onnx")
    shutil.copytree(detector_graphs_folder, tmp_path / "graphs")
    Image.fromarray(skimage.data.astronaut()).save(tmp_path / "photo.jpg", quality=95)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACE_ALIGNMENT_3D_HOME", str(tmp_path / "home"))
    return tmp_path


def test_the_quick_start(blocks: list[str], folder: Path) -> None:
    names: dict[str, object] = {}
    exec(blocks[0], names)
    assert np.shape(names["landmarks"]) == (1, 66, 3)
    assert len(list((folder / "home" / "onnx").glob("cascade-*.onnx"))) == 1


def test_both_files_by_path(blocks: list[str], folder: Path) -> None:
    names: dict[str, object] = {}
    exec(blocks[1], names)
    aligner = names["aligner"]
    assert isinstance(aligner, FaceAligner3D)
    assert len(aligner.detect("photo.jpg")) == 1
    assert not (folder / "home").exists()


def test_without_the_library(blocks: list[str], folder: Path) -> None:
    assert "face_alignment_3d" not in blocks[2]
    names: dict[str, object] = {}
    exec(blocks[2], names)
    expected = FaceAligner3D("lite.onnx", device="cpu").get_landmarks(
        "photo.jpg", boxes=[[179, 90, 268, 178]]
    )
    np.testing.assert_allclose(names["landmarks"], expected[0], atol=0.05)
