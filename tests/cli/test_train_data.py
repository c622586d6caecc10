"""``train-data``: fuse-labels writes labels, synthesize-views photos from other sides."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from face_alignment_3d.cli import main
from face_alignment_3d.training.data.datasets.face_sets import open_training_sets
from face_alignment_3d.training.data.datasets.novel_views import open_novel_views
from face_alignment_3d.training.labels.fused_labels import load_fused_labels
from face_alignment_3d.weights import loading
from tests.training.round_head import write_head_model
from tests.training.small_cascade import seeded_cascade
from tests.training.synthetic_faces import write_data

FACES = 6


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of made-up faces, AFW among them, and two files in place of weights."""
    folder = tmp_path_factory.mktemp("data")
    write_data(folder, hand=3, aflw=FACES, teachers=FACES, afw=2)
    write_head_model(folder)
    for name in ("one", "two"):
        (folder / f"{name}.safetensors").write_bytes(name.encode())
    return folder


@pytest.fixture(autouse=True)
def _small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = {"one": 1, "two": 2}
    monkeypatch.setattr(
        loading, "load_cascade", lambda path, *, device: seeded_cascade(seeds[path.stem]).eval()
    )


def _fuse(data: Path, out: Path, *options: str) -> int:
    shared = ["--data", str(data), "--out", str(out), "--device", "cpu", "--rounds", "1", "--views", "3"]
    return main(["train-data", "fuse-labels", *shared, *options])


def _weights(data: Path) -> list[str]:
    return [f"--weights={data / name}.safetensors" for name in ("one", "two")]


def test_fuse_labels_writes_labels_numbers_and_a_picture(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _fuse(data, tmp_path / "derived") == 0
    written = sorted(path.name for path in (tmp_path / "derived").iterdir())
    assert written == ["fused_labels.json", "fused_labels.npz", "fused_labels.png"]
    labels = load_fused_labels(tmp_path / "derived")
    for faces in open_training_sets(data):
        assert len(labels.of(faces).points) == len(faces)
    assert set(labels.sets) == {"helen_train", "lfpw_train", "aflw", "faces"}, "AFW is for evaluation only"
    report = json.loads((tmp_path / "derived" / "fused_labels.json").read_text())
    assert report["source"]["networks"] is None
    assert report["sets"]["aflw"]["faces"] == FACES
    assert np.shape(report["benchmark_offset"]) == (66, 3)
    assert Image.open(tmp_path / "derived" / "fused_labels.png").height % 240 == 0
    assert "helen_train" in capsys.readouterr().out


def test_networks_are_asked_in_parts_that_a_stopped_run_keeps(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from face_alignment_3d.training.labels import fusion, network_points

    asked: list[int] = []
    original = network_points._predict

    def counted(faces, networks, views):  # type: ignore[no-untyped-def]
        asked.append(len(faces))
        return original(faces, networks, views)

    def stopped(*args, **kwargs):  # type: ignore[no-untyped-def]
        raise KeyboardInterrupt

    monkeypatch.setattr(network_points, "_predict", counted)
    with monkeypatch.context() as patch:
        patch.setattr(fusion, "fuse", stopped)
        assert _fuse(data, tmp_path, *_weights(data)) == 130
    assert sum(asked) == 2 * 3 + 2 * FACES
    assert _fuse(data, tmp_path, *_weights(data)) == 0
    assert sum(asked) == 2 * 3 + 2 * FACES, "what was predicted is not predicted again"
    source = load_fused_labels(tmp_path).source["networks"]
    assert [weights["name"] for weights in source["weights"]] == ["one.safetensors", "two.safetensors"]
    assert not (tmp_path / "network_points.parts").exists()


@pytest.mark.parametrize(
    ("options", "message"), [(["--views", "1"], "2 to 64 views"), (["--limit", "0"], "--limit of at least 1")]
)
def test_wrong_numbers_are_explained(
    options: list[str], message: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _fuse(data, tmp_path, *_weights(data), *options) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", ["fuse-labels", "synthesize-views"])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["train-data", command, "--help"])
    assert stop.value.code == 0
    assert f"face-alignment-3d train-data {command}" in capsys.readouterr().out


def test_synthesize_views_turns_sets_and_shows_them(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "train-data",
        "synthesize-views",
        "--data",
        str(data),
        "--out",
        str(tmp_path),
        "--face-size",
        "60",
    ]
    assert main([*command, "--dataset", "afw"]) == 0
    views = open_novel_views(tmp_path, "afw")
    assert 1 <= len(views) <= 6
    assert set(views.sources) <= {"face_0", "face_1"}
    assert (np.abs(views.yaw) <= 85).all()
    assert Image.open(tmp_path / "novel_views" / "afw.png").size[0] > 100
    assert f"SHA-256 {views.digest()}" in capsys.readouterr().out


def test_synthesize_views_asks_for_sensible_numbers(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train-data", "synthesize-views", "--data", str(data), "--out", str(tmp_path), "--count", "0"]
    assert main(command) == 2
    assert "expected --count of at least 1; got 0" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
