"""``face-alignment-3d export``; what the graphs hold is tested beside the code that makes them."""

from pathlib import Path

import pytest

from face_alignment_3d.cli import main


def test_files_and_what_is_said(
    lite_graph: Path, detector_graphs_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [file.name for file in lite_graph.parent.iterdir()] == ["lite.onnx"]
    assert sorted(file.name for file in detector_graphs_folder.iterdir()) == [
        "mtcnn-output.onnx",
        "mtcnn-proposal.onnx",
        "mtcnn-refinement.onnx",
    ]


def test_the_path_and_size_are_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "face_alignment_3d.onnx_graphs.cascade_graph.cascade_graph", lambda path: b"x" * 100_000
    )
    file = tmp_path / "a" / "lite.onnx"
    assert main(["export", "onnx", "lite", "-o", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: 0.1 MB\n"
    assert file.stat().st_size == 100_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lite", "-o", "lite.bin"], "expected a file that ends with .onnx; got -o lite.bin"),
        (["nonsense", "-o", "a.onnx"], "weights must be a name in the manifest"),
        (["absent.safetensors", "-o", "a.onnx"], "there is no weight file absent.safetensors"),
    ],
)
def test_what_cannot_be_exported(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", "onnx", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
