"""The files that ``align`` writes, and its messages about failures."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from face_alignment_3d.cli import main
from face_alignment_3d.detection.candidate_selection import MIN_CONFIDENCE


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_default_is_json_and_drawing(
    album: Path, stub_aligner: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["align", "photos/a.png", "-o", "out"]) == 0
    assert _files(album / "out") == {"a.json", "a_landmarks.png"}
    captured = capsys.readouterr()
    assert captured.out == "1 photo, 1 face: wrote a.json and a_landmarks.png to out\n"
    assert captured.err == ""
    content = json.loads((album / "out" / "a.json").read_text())
    assert content["image"] == "photos/a.png"
    assert (content["width"], content["height"]) == (64, 48)
    assert content["faces"][0]["score"] == 0.9
    with Image.open(album / "out" / "a_landmarks.png") as drawing:
        assert drawing.size == (64, 48)
        assert len(drawing.getcolors(64 * 48) or []) > 10


def test_results_go_to_the_working_folder_by_default(album: Path, stub_aligner: Any) -> None:
    assert main(["align", "photos/sub/b.jpg", "--json"]) == 0
    assert (album / "b.json").is_file()


def test_folder(album: Path, stub_aligner: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["align", "photos", "-o", "out", "--json", "--csv", "--draw"]) == 0
    assert _files(album / "out") == {
        "landmarks.csv",
        *("a.json", "empty.json", "sub/b.json"),
        *("a_landmarks.png", "empty_landmarks.png", "sub/b_landmarks.png"),
    }
    assert capsys.readouterr().out == "3 photos, 2 faces, 1 without a face: wrote 7 files to out\n"
    with (album / "out" / "landmarks.csv").open(newline="") as handle:
        assert [Path(row["image"]).as_posix() for row in csv.DictReader(handle)] == [
            "photos/a.png",
            "photos/sub/b.jpg",
        ]
    assert len(stub_aligner.made) == 1


def test_a_second_run_does_not_take_its_drawings_for_photos(album: Path, stub_aligner: Any) -> None:
    assert main(["align", "photos", "-o", "photos"]) == 0
    before = _files(album / "photos")
    assert main(["align", "photos", "-o", "photos"]) == 0
    assert _files(album / "photos") == before


@pytest.mark.parametrize("output", ["--csv", "--json", "--draw"])
def test_only_what_was_asked_for(album: Path, stub_aligner: Any, output: str) -> None:
    assert main(["align", "photos/a.png", "-o", "out", output]) == 0
    expected = {"--csv": "landmarks.csv", "--json": "a.json", "--draw": "a_landmarks.png"}
    assert _files(album / "out") == {expected[output]}


def test_failed_photos_are_reported_and_the_rest_goes_on(
    album: Path, stub_aligner: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (album / "photos" / "broken.jpg").write_text("no picture")
    assert main(["align", "photos/broken.jpg", "nowhere.png", "photos/a.png", "-o", "out"]) == 1
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("error: photos/broken.jpg is not a picture")
    assert lines[1].startswith("error: no such file: ")
    assert captured.out == "1 photo, 1 face, 2 failed: wrote a.json and a_landmarks.png to out\n"


def test_all_photos_failed(album: Path, stub_aligner: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["align", "nowhere.png", "-o", "out"]) == 1
    assert capsys.readouterr().out == "0 photos, 0 faces, 1 failed: nothing written\n"


def test_running_out_of_memory_is_one_photos_failure(
    album: Path,
    stub_aligner: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    original = stub_aligner.detect

    def detect(self: Any, image: np.ndarray, **options: object) -> object:
        if image.shape[0] == 48:
            raise RuntimeError("CUDA out of memory")
        return original(self, image, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(stub_aligner, "detect", detect)
    assert main(["align", "photos", "-o", "out", "--json"]) == 1
    assert capsys.readouterr().err == "error: photos/a.png: CUDA out of memory\n"
    assert _files(album / "out") == {"empty.json", "sub/b.json"}


def test_boxes(album: Path, stub_aligner: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (album / "boxes.csv").write_text("image,x0,y0,x1,y1\na.png,1,2,30,40\nphotos/sub/b.jpg,3,4,20,20\n")
    assert main(["align", "photos", "--boxes", "boxes.csv", "-o", "out", "--json"]) == 1
    assert "no boxes for photos/empty.png in boxes.csv" in capsys.readouterr().err
    (face,) = json.loads((album / "out" / "a.json").read_text())["faces"]
    assert face["box"] == [1, 2, 30, 40]
    assert face["score"] is None


def test_bad_boxes_stop_everything(
    album: Path, stub_aligner: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (album / "boxes.csv").write_text("a.png,1,2,3\n")
    assert main(["align", "photos", "--boxes", "boxes.csv", "-o", "out"]) == 2
    assert capsys.readouterr().err.startswith("error: boxes.csv, line 1: expected image,x0,y0,x1,y1")
    assert not (album / "out").exists()


def test_options_reach_the_aligner(album: Path, stub_aligner: Any) -> None:
    arguments = [
        "align",
        "photos/a.png",
        "-o",
        "out",
        "--json",
        "--weights",
        "x.safetensors",
        "--device",
        "cpu",
    ]
    assert main(arguments) == 0
    assert main([*arguments, "--offline", "--backend", "onnx"]) == 0
    first, second = stub_aligner.made
    assert first.weights == "x.safetensors"
    assert first.options == {
        **{"backend": "auto", "device": "cpu", "detector": "combined"},
        **{"min_confidence": MIN_CONFIDENCE, "threads": None},
        **{"blendshapes": False, "offline": None},
    }
    assert second.options["offline"] is True
    assert second.options["backend"] == "onnx"


def test_min_face_reaches_the_detector(
    album: Path, stub_aligner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dict[str, object]] = []

    def detector(**options: object) -> str:
        made.append(options)
        return "detector"

    monkeypatch.setattr("face_alignment_3d.detection.combined.CombinedDetector", detector)
    assert main(["align", "photos/a.png", "-o", "out", "--min-face", "12", "--device", "cpu"]) == 0
    assert made == [{"backend": "torch", "device": "cpu", "min_face_size": 12, "threads": None}]
    assert stub_aligner.made[0].options["detector"] == "detector"


def test_missing_weights_stop_everything(
    album: Path, stub_aligner: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["align", "photos", "--weights", "missing", "-o", "out"]) == 2
    assert capsys.readouterr().err == "error: weights 'missing' are nowhere; train them\n"
    assert not (album / "out").exists()


def test_nothing_found(album: Path, stub_aligner: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["align", "*.gif"]) == 2
    assert capsys.readouterr().err.startswith("error: no photo in '*.gif'")


def test_output_folder_is_a_file(album: Path, stub_aligner: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (album / "out").touch()
    assert main(["align", "photos", "-o", "out"]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_photos_are_never_overwritten(
    album: Path, stub_aligner: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    precious = album / "a_landmarks.png"
    Image.new("RGB", (20, 20)).save(precious)
    before = precious.read_bytes()
    assert main(["align", "photos/a.png", "a_landmarks.png", "--draw"]) == 1
    assert "would replace a photo" in capsys.readouterr().err
    assert precious.read_bytes() == before


def test_interrupted(album: Path, stub_aligner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def detect(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stub_aligner, "detect", detect)
    assert main(["align", "photos", "-o", "out"]) == 130
    assert _files(album / "out") == set()


# With the real aligner


def test_untrained_weights_of_a_file(album: Path) -> None:
    from face_alignment_3d.networks.presets import PRESETS
    from face_alignment_3d.weights.loading import save_cascade

    save_cascade(PRESETS["lite"](), album / "mine.safetensors", preset="lite", metadata={})
    (album / "boxes.json").write_text('{"a.png": [[5, 5, 40, 45], [20, 5, 60, 45]]}')
    arguments = [
        "--weights",
        "mine.safetensors",
        "--boxes",
        "boxes.json",
        "--device",
        "cpu",
        "-o",
        "out",
        "--csv",
    ]
    assert main(["align", "photos/a.png", "--json", "--draw", *arguments]) == 0
    faces = json.loads((album / "out" / "a.json").read_text())["faces"]
    assert [face["box"] for face in faces] == [[5, 5, 40, 45], [20, 5, 60, 45]]
    assert all(np.array(face["landmarks"]).shape == (66, 3) for face in faces)
    assert len((album / "out" / "landmarks.csv").read_text().splitlines()) == 3


def test_unknown_device(album: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["align", "photos/a.png", "--device", "abacus"]) == 2
    assert "abacus" in capsys.readouterr().err


# With the embedded weights


def test_astronaut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import skimage.data

    Image.fromarray(skimage.data.astronaut()).save(tmp_path / "astronaut.png")
    out = tmp_path / "out"
    assert (
        main(["align", str(tmp_path / "astronaut.png"), "-o", str(out), "--device", "cpu", "--offline"]) == 0
    )
    (face,) = json.loads((out / "astronaut.json").read_text())["faces"]
    landmarks = np.array(face["landmarks"])
    eyes = [landmarks[36:42, :2].mean(axis=0), landmarks[42:48, :2].mean(axis=0)]
    np.testing.assert_allclose(eyes, [[203, 102], [246, 103]], atol=3)
    nose, jaw = landmarks[30], landmarks[[0, 16]]
    assert (nose[2] < jaw[:, 2]).all()
    assert abs(landmarks[:, 2].mean()) < 0.01
