"""``train-data``: lift and pseudo-label write labels, numbers and a picture, synthesize-views photos from
other sides."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from face_alignment_3d.cli import main
from face_alignment_3d.cli.main import _parser
from face_alignment_3d.training.data.datasets.novel_views import open_novel_views
from face_alignment_3d.training.data.datasets.teachers import open_teacher_labelled_faces
from face_alignment_3d.training.labels.labels import load_labels
from face_alignment_3d.training.labels.lifted_labels import load_lifted
from face_alignment_3d.weights import loading
from tests.training.round_head import write_head_model
from tests.training.small_cascade import seeded_cascade
from tests.training.synthetic_faces import posed_faces, write_faces, write_models, write_photos68

FACES = 6


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of made-up faces, AFW among them, and two files in place of weights."""
    folder = tmp_path_factory.mktemp("data")
    write_models(folder, posed_faces(60, seed=1)[0])
    points, angles = posed_faces(FACES, seed=2)
    for name in ("helen_train", "lfpw_train", "afw"):
        write_photos68(folder, name, points[:2])
    write_faces(folder, points, yaw=angles[:, 1])
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


def test_lift_writes_three_files_a_set(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train-data", "lift", "--data", str(data), "--out", str(tmp_path)]) == 0
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*"))
    assert written == [
        f"lifted/{name}.{ending}"
        for name in ("helen_train", "lfpw_train")
        for ending in ("json", "npz", "png")
    ]
    report = json.loads((tmp_path / "lifted" / "helen_train.json").read_text())
    assert report["dataset"] == "helen_train"
    assert report["for"] == "training"
    assert report["faces"] == 2
    labels = load_lifted(tmp_path / "lifted" / "helen_train.npz", purpose="training")
    assert labels.names == ("face_0", "face_1")
    assert Image.open(tmp_path / "lifted" / "helen_train.png").height % 240 == 0
    out = capsys.readouterr().out
    assert "helen_train, for training\n" in out
    assert f"{report['kept']} of 2 faces fit" in out


def test_afw_is_lifted_for_evaluation_only(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train-data", "lift", "--data", str(data), "--out", str(tmp_path), "--dataset", "afw"]
    assert main(arguments) == 0
    assert json.loads((tmp_path / "lifted" / "afw.json").read_text())["for"] == "evaluation only"
    assert "afw, for evaluation only\n" in capsys.readouterr().out


def test_a_misspelt_set_is_named_before_anything_is_made(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train-data", "lift", "--data", str(data), "--out", str(tmp_path / "derived")]
    assert main([*arguments, "--dataset", "helen_train", "hellen"]) == 2
    assert "hellen.npz" in capsys.readouterr().err
    assert not (tmp_path / "derived").exists()


def _pseudo_label(data: Path, out: Path, *options: str) -> int:
    weights = [f"--weights={data / 'one.safetensors'}", f"--weights={data / 'two.safetensors'}"]
    shared = ["--data", str(data), "--out", str(out), "--device", "cpu", "--views", "3"]
    return main(["train-data", "pseudo-label", *shared, *weights, *options])


def test_pseudo_label_writes_labels_numbers_and_a_picture(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _pseudo_label(data, tmp_path) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "pseudo_labels.json",
        "pseudo_labels.npz",
        "pseudo_labels.png",
    ]
    faces = open_teacher_labelled_faces(data)
    labels = load_labels(tmp_path / "pseudo_labels.npz", count=FACES, names=faces.names)
    # Networks with random weights are nowhere near the teachers, who agree.
    np.testing.assert_allclose(labels.points, faces.tddfa, atol=1e-3)
    report = json.loads((tmp_path / "pseudo_labels.json").read_text())
    assert report["all"]["teachers"] == report["all"]["faces"] == FACES
    assert [weights["name"] for weights in report["weights"]] == ["one.safetensors", "two.safetensors"]
    assert len(report["views"]) == 3
    assert "MediaPipe was not asked" in capsys.readouterr().out


def test_what_is_made_is_not_made_again(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _pseudo_label(data, tmp_path) == 0
    before = (tmp_path / "pseudo_labels.npz").stat().st_mtime_ns
    assert _pseudo_label(data, tmp_path) == 0
    assert "was made with these weights" in capsys.readouterr().out
    assert (tmp_path / "pseudo_labels.npz").stat().st_mtime_ns == before
    assert _pseudo_label(data, tmp_path, "--limit", "4") == 0
    faces = open_teacher_labelled_faces(data)
    load_labels(tmp_path / "pseudo_labels.npz", count=4, names=[faces.names[i] for i in (0, 1, 3, 4)])


@pytest.mark.parametrize(
    ("options", "message"), [(["--views", "1"], "2 to 64 views"), (["--limit", "0"], "at least 1 face")]
)
def test_wrong_numbers_are_explained(
    options: list[str], message: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _pseudo_label(data, tmp_path, *options) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", ["lift", "pseudo-label"])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["train-data", command, "--help"])
    assert stop.value.code == 0
    assert f"face-alignment-3d train-data {command}" in capsys.readouterr().out


def test_every_command_runs_itself() -> None:
    for arguments in (
        ["lift", "--data", "a", "--out", "b"],
        ["pseudo-label", "--data", "a", "--out", "b"],
    ):
        args: argparse.Namespace = _parser().parse_args(["train-data", *arguments])
        assert args.run.__module__.endswith("train_data." + arguments[0].replace("-", "_"))


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
