"""``evaluate`` prints a table and writes a report, a curve and the worst faces."""

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import face_alignment_3d
from face_alignment_3d.cli import main
from face_alignment_3d.crop import box_around
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.datasets.face_sets import FaceSet
from face_alignment_3d.training.evaluation import sets

COUNT = 3


class OffByOnePercent:
    """Knows the labels; its landmarks lie 1 % of the eye distance to the right, 4 % with the detector."""

    labels: np.ndarray

    def __init__(self, weights: str, *, device: str) -> None:
        self.device = torch.device("cpu" if device == "auto" else device)

    def detect_batch(self, images: Any, *, boxes: Any = None) -> list[list[Face3D]]:
        results = []
        for position, image in enumerate(images):
            points = self.labels[round(float(image.mean()) / 50)][FROM_68]
            given = [box_around(points)] if boxes is None else boxes[position]
            landmarks = np.column_stack([points, np.zeros(66)]).astype(np.float32)
            landmarks[:, 0] += 4 if boxes is None else 1
            results.append([Face3D(landmarks, np.linspace(0, 1, 66), box, None) for box in given])
        return results


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three photos as ``afw``, the fits to them, and a weight file."""
    labels = np.random.default_rng(0).uniform(20, 120, (COUNT, 68, 2)).astype(np.float32)
    labels[:, 36], labels[:, 45] = (20, 50), (120, 50)
    names = [f"face_{i}" for i in range(COUNT)]
    (tmp_path / "photos68" / "afw").mkdir(parents=True)
    for index, name in enumerate(names):
        Image.new("L", (140, 140), 50 * index).save(tmp_path / "photos68" / "afw" / f"{name}.jpg")
    np.savez(tmp_path / "photos68" / "afw.npz", names=names, points68=labels, scale=np.ones(COUNT))
    (tmp_path / "mine.safetensors").write_bytes(b"weights")

    predicted = np.concatenate([labels, np.zeros((COUNT, 68, 1))], axis=-1)
    np.savez(
        tmp_path / "photos68" / "teachers.npz",
        afw_names=names,
        afw_tddfa68_x32=np.rint(32 * predicted).astype(np.int16),
    )

    def flat_labels(data: Path, faces: FaceSet) -> Any:
        assert faces.ibug68 is not None
        points = np.concatenate([faces.ibug68, np.zeros((len(faces), 68, 1))], axis=-1)[:, FROM_68]
        ones = np.ones(len(faces))
        return SimpleNamespace(points=points, yaw=ones, weight_z=np.ones((len(faces), 66)))

    OffByOnePercent.labels = labels
    monkeypatch.setattr(face_alignment_3d, "FaceAligner3D", OffByOnePercent)
    monkeypatch.setattr(sets, "evaluation_labels", flat_labels)
    return tmp_path


def write_novel_views(data: Path) -> None:
    """Two views of each photo, whose labels are the photo's with a z."""
    folder = data / "novel_views" / "afw"
    folder.mkdir(parents=True)
    names = [f"face_{i}_{view}" for i in range(COUNT) for view in "ab"]
    points = np.repeat(OffByOnePercent.labels[:, FROM_68], 2, axis=0)
    z = np.linspace(-30, 30, 66)
    for index, name in enumerate(names):
        Image.new("L", (140, 140), 50 * (index // 2)).save(folder / f"{name}.jpg")
    np.savez(
        data / "novel_views" / "afw.npz",
        names=names,
        sources=[name[:-2] for name in names],
        points66=np.concatenate([points, np.broadcast_to(z[:, None], (len(names), 66, 1))], axis=-1),
        visible=np.ones((len(names), 66)),
        weight_visible=np.ones((len(names), 66)),
        yaw=np.tile([-70.0, 40.0], COUNT),
        pitch=np.zeros(len(names)),
        roll=np.zeros(len(names)),
    )


def evaluate(data: Path, *options: str) -> int:
    weights = str(data / "mine.safetensors")
    return main(["evaluate", "--dataset", "afw", "--data", str(data), "--weights", weights, *options])


def test_the_table(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(data) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"afw, 3 photos, weights {data / 'mine.safetensors'}, cpu\n")
    assert [line.split()[-1] for line in out.splitlines() if line.startswith("the same, median")] == ["1.00"]
    (change,) = (line for line in out.splitlines() if line.startswith("own detector: change"))
    assert change.split()[-1] == "+300.0"
    (digest,) = (line.split()[1] for line in out.splitlines() if line.startswith("set "))
    assert len(digest) == 64
    assert sorted(path.name for path in data.iterdir()) == ["mine.safetensors", "photos68"]


def test_a_set_turned_out_of_plane(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_novel_views(data)
    out = data / "out"
    weights = str(data / "mine.safetensors")
    options = [
        "--dataset",
        "afw-novel-views",
        "--derived-data",
        str(data),
        "--weights",
        weights,
        "-o",
        str(out),
    ]
    assert main(["evaluate", *options]) == 0
    assert "CVGTCE" in capsys.readouterr().out
    report = json.loads((out / "report.json").read_text())
    assert report["command"].startswith("face-alignment-3d evaluate --dataset afw-novel-views --derived-data")
    assert report["normalizer"] == "eyes_3d"
    assert report["three_d"]["labels"] == "set"
    assert [(group["low"], group["errors"]["faces"]) for group in report["yaw"]["groups"]] == [
        (30, 3),
        (60, 3),
    ]
    assert len(report["dataset_sha256"]) == 64


def test_the_files(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = data / "deep" / "out"
    assert evaluate(data, "-o", str(out)) == 0
    report = json.loads((out / "report.json").read_text())
    assert report["dataset"] == "afw"
    assert report["limit"] is None
    assert report["weights_sha256"] == hashlib.sha256(b"weights").hexdigest()
    assert report["device"] == "cpu"
    assert report["given"]["inner_mean"] == pytest.approx(1, rel=1e-4)
    assert report["detector"]["relative_change"] == pytest.approx(300, rel=1e-4)
    assert [face["name"] for face in report["faces"]] == ["face_0", "face_1", "face_2"]
    assert Image.open(out / "curve.png").size == (860, 560)
    assert Image.open(out / "worst.png").size == (COUNT * 220, 240)
    assert Image.open(out / "gte_curve.png").size == (860, 560)
    assert "| afw (3) |" in (out / "table.md").read_text()
    assert f"to {out}" in capsys.readouterr().out


def test_a_limit(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(data, "--limit", "2") == 0
    assert capsys.readouterr().out.startswith("afw, 2 photos")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dataset", "wflw"], "expected one of the data sets holdout, afw, helen_train, lfpw_train"),
        (
            ["--dataset", "afw-novel-views"],
            "expected --derived-data, the folder that `train-data synthesize-views` wrote",
        ),
        (
            ["--dataset", "afw-novel-views", "--derived-data", "nowhere"],
            str(Path("nowhere", "novel_views", "afw.npz")),
        ),
        (["--limit", "0"], "expected a limit of at least 1 photo; got 0"),
        (["--data", "nowhere"], str(Path("nowhere", "photos68", "afw.npz"))),
    ],
)
def test_what_cannot_be_done(
    data: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(data, *options) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error


def test_help_names_the_data_sets(capsys: pytest.CaptureFixture[str]) -> None:
    from face_alignment_3d.training.evaluation.sets import AFLW2000, DATASETS, NOVEL_VIEWS

    with pytest.raises(SystemExit):
        main(["evaluate", "--help"])
    listed = " ".join(capsys.readouterr().out.split())
    assert ", ".join([f"{DATASETS[0]} (the default)", *DATASETS[1:]]) in listed
    assert f"afw{NOVEL_VIEWS}" in listed
    assert AFLW2000 in listed


def test_hand_labelled_photos_need_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--dataset", "holdout"]) == 2
    assert "expected --data, the folder that holds photos68/" in capsys.readouterr().err
