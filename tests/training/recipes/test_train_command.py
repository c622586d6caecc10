"""``face-alignment-3d train`` from the command line to a weight file, on networks and data of test size."""

import dataclasses
import json
import os
import signal

import numpy as np
import pytest
import torch
from PIL import Image

from face_alignment_3d.cli import main
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.datasets.face_sets import HAND_LABELLED
from face_alignment_3d.training.objectives.paper_objective import PaperObjective
from face_alignment_3d.training.recipes import joint_recipe, paper_recipe, recipe
from face_alignment_3d.training.recipes.chosen_data import load_chosen_data
from face_alignment_3d.training.recipes.config import BASE, LITE, NANO, STAGES
from face_alignment_3d.training.recipes.paper_config import PAPER
from face_alignment_3d.weights import loading
from face_alignment_3d.weights.integrity import sha256_of
from tests.training.recipes.test_training_data import write_views
from tests.training.small_cascade import seeded_cascade, small_cascade
from tests.training.small_paper_cascade import small_paper_cascade
from tests.training.synthetic_faces import picture, posed_faces, write_data

COUNT = 14


@pytest.fixture(scope="module")
def threedfaw(tmp_path_factory):
    """A set as 3DFAW is distributed."""
    root = tmp_path_factory.mktemp("3dfaw")
    for part in ("train_img", "train_lm"):
        (root / part).mkdir()
    for index, face in enumerate(posed_faces(COUNT, seed=3, yaw=20.0, pitch=5.0, roll=0.0)[0]):
        Image.fromarray(picture(face)).save(root / "train_img" / f"{index:02}.jpg", quality=95)
        rows = [",".join(map(str, point)) for point in face[FROM_68]]
        (root / "train_lm" / f"{index:02}_lm.csv").write_text("\n".join(rows))
    return root


@pytest.fixture(autouse=True)
def _small_networks(monkeypatch):
    for module in (paper_recipe, loading):
        monkeypatch.setattr(module, "PRESETS", {"paper": small_paper_cascade})
    for variable in ("RANK", "LOCAL_RANK", "WORLD_SIZE"):
        monkeypatch.delenv(variable, raising=False)


def _train(out, *options):
    command = ["train", "paper", "--out", str(out), "--device", "cpu", "--precision", "fp32", *options]
    return main([str(word) for word in command])


def test_a_data_set_becomes_a_weight_file(threedfaw, tmp_path, capsys):
    options = ("--dataset", f"3dfaw={threedfaw}", "--steps", "2", "--end-to-end")
    assert _train(tmp_path / "run", *options) == 0
    shown = capsys.readouterr().out
    for stage in ("detection", "regression", "joint", "depth", "end_to_end"):
        assert f"stage {stage}: 2 steps" in shown
    entry = json.loads((tmp_path / "run" / "paper.manifest.json").read_text())["weights"][0]
    assert entry["data"] == ["3dfaw (the user's own copy)"]
    assert entry["training_command"] == (
        "face-alignment-3d train paper --dataset 3dfaw=DATASET --end-to-end --out runs/paper --steps 2 "
        "--precision fp32"
    )
    cascade = loading.load_cascade(tmp_path / "run" / "paper.safetensors")
    points = cascade(torch.zeros(1, 3, 64, 64))
    assert points[0].isfinite().all()
    before = (tmp_path / "run" / "paper.safetensors").read_bytes()
    assert _train(tmp_path / "run", *options) == 0
    assert "stage" not in capsys.readouterr().out.replace("stages", "")
    assert (tmp_path / "run" / "paper.safetensors").read_bytes() == before


@pytest.mark.parametrize("preset", ["lite", "base"])
def test_photos_become_the_weights_of_a_compact_preset(tmp_path, capsys, monkeypatch, preset):
    for module in (joint_recipe, loading):
        monkeypatch.setattr(module, "PRESETS", {preset: small_cascade})
    data, derived = tmp_path / "data", tmp_path / "derived"
    write_data(data, hand=2, aflw=3, teachers=4)
    fuse = ["train-data", "fuse-labels", "--data", data, "--out", derived, "--rounds", "1"]
    assert main([str(word) for word in fuse]) == 0
    for name in (*HAND_LABELLED, "pseudo"):
        write_views(derived, name, ["face_0", "face_1"])
    command = ["train", preset, "--data", data, "--derived-data", derived, "--out", tmp_path / "run"]
    assert main([str(word) for word in (*command, "--device", "cpu", "--steps", "2")]) == 0
    assert "held-out hand/inner" in capsys.readouterr().out
    entry = json.loads((tmp_path / "run" / f"{preset}.manifest.json").read_text())["weights"][0]
    assert entry["training_command"] == (
        f"face-alignment-3d train {preset} --data DATA --derived-data DERIVED --out runs/{preset} --steps 2"
    )
    cascade = loading.load_cascade(tmp_path / "run" / f"{preset}.safetensors")
    assert cascade(torch.zeros(1, 3, 64, 64))[0].isfinite().all()


@pytest.mark.parametrize(
    ("preset", "options", "expected"),
    [
        ("lite", [], LITE),
        ("lite-wide", [], LITE),
        ("base", [], BASE),
        ("nano", [], NANO),
        ("nano", ["--stage", "prune"], dataclasses.replace(NANO, pruned_from="lite")),
        ("nano", ["--stage", "depth"], dataclasses.replace(STAGES["depth"], teacher_weight=1.0)),
        ("lite", ["--stage", "prune"], STAGES["prune"]),
        ("lite-wide", ["--stage", "depth"], STAGES["depth"]),
        (
            "lite",
            ["--reinitialize", "depth.prior", "--reinitialize", "depth.correction"],
            dataclasses.replace(LITE, reinitialized=("depth.prior", "depth.correction")),
        ),
    ],
)
def test_a_run_goes_on_from_weights_that_its_command_names_by_digest(
    tmp_path, monkeypatch, preset, options, expected
):
    runs = []
    monkeypatch.setattr(recipe, "run_joint_recipe", lambda *args, **named: runs.append((args, named)))
    start = tmp_path / "start.safetensors"
    start.write_bytes(b"weights")
    words = ["--data", "photos", "--derived-data", "made", "--start", str(start), *options]
    assert main(["train", preset, *words, "--out", str(tmp_path), "--device", "cpu", "--seed", "3"]) == 0
    ((config, *_), named) = runs[0]
    assert config == dataclasses.replace(expected, preset=preset, seed=3)
    command = f"face-alignment-3d train {preset} --data DATA --derived-data DERIVED"
    words = [
        command,
        f"--start {sha256_of(start)[:16]}.safetensors",
        *options,
        f"--out runs/{preset} --seed 3",
    ]
    assert named["command"] == " ".join(words)


def test_a_teacher_is_distilled(tmp_path, capsys, monkeypatch):
    presets = {"lite": lambda: seeded_cascade(3), "nano": small_cascade}
    for module in (joint_recipe, loading):
        monkeypatch.setattr(module, "PRESETS", presets)
    teacher = tmp_path / "teacher.safetensors"
    trained = seeded_cascade(3)
    trained.geometry = dataclasses.replace(trained.geometry, crop_scale=1.25)
    loading.save_cascade(trained, teacher, preset="lite", metadata={})
    data, derived = tmp_path / "data", tmp_path / "derived"
    write_data(data, hand=2, aflw=3, teachers=4)
    fuse = ["train-data", "fuse-labels", "--data", data, "--out", derived, "--rounds", "1"]
    assert main([str(word) for word in fuse]) == 0
    for name in (*HAND_LABELLED, "pseudo"):
        write_views(derived, name, ["face_0", "face_1"])
    train = ["train", "nano", "--data", data, "--derived-data", derived, "--out", tmp_path / "run"]
    train += ["--start", teacher, "--stage", "prune", "--device", "cpu", "--steps", "1"]
    assert main([str(word) for word in train]) == 2
    assert "teacher_predictions.npz" in capsys.readouterr().err
    predict = ["train-data", "predict-teacher", "--data", data, "--derived-data", derived]
    predict += ["--weights", teacher, "--views", "2", "--device", "cpu"]
    assert main([str(word) for word in predict]) == 0
    assert "17 photos, 2 views each, by teacher.safetensors" in capsys.readouterr().out
    assert main([str(word) for word in train]) == 0
    entry = json.loads((tmp_path / "run" / "nano.manifest.json").read_text())["weights"][0]
    assert entry["data"][-1] == f"what weights {sha256_of(teacher)[:16]} say of these photos and views"
    assert entry["training_command"].endswith("--stage prune --out runs/nano --steps 1")
    # The same in the loop needs no predictions.
    (derived / "teacher_predictions.npz").unlink()
    train[train.index("--out") + 1] = tmp_path / "looped"
    assert main([str(word) for word in (*train, "--teacher", teacher)]) == 0
    looped = json.loads((tmp_path / "looped" / "nano.manifest.json").read_text())["weights"][0]
    assert looped["data"] == entry["data"]
    assert f"--teacher {sha256_of(teacher)[:16]}.safetensors" in looped["training_command"]
    assert looped["sha256"] != entry["sha256"]


@pytest.mark.usefixtures("terminal_signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_and_the_exit_code_says_so(threedfaw, tmp_path, capsys, monkeypatch, number, code):
    original = PaperObjective.losses

    def stopped(self, cascade, batch, random_values):
        os.kill(os.getpid(), number)
        return original(self, cascade, batch, random_values)

    monkeypatch.setattr(PaperObjective, "losses", stopped)
    assert _train(tmp_path, "--dataset", f"3dfaw={threedfaw}", "--steps", "2") == code
    assert "after step 1, which is saved; the same command goes on" in capsys.readouterr().err
    assert (tmp_path / "detection.safetensors").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["paper"], "--data DIR or --dataset KIND=DIR"),
        (["paper", "--data", "x"], "expected --derived-data with --data"),
        (["paper", "--dataset", "3dfaw"], "--dataset KIND=DIR, got '3dfaw'"),
        (["paper", "--dataset", "lsd=x"], "expected one of the kinds"),
        (["paper", "--data", "x", "--start", "y"], "--start with lite"),
        (
            ["paper", "--data", "x", "--derived-data", "y", "--dataset", "3dfaw=z"],
            "--derived-data or --dataset",
        ),
        (["paper", "--data", "x", "--start", "y", "--stage", "depth"], "--stage with lite"),
        (["lite", "--data", "x", "--derived-data", "y", "--stage", "depth"], "expected --stage with --start"),
        (
            ["lite", "--data", "x", "--derived-data", "y", "--reinitialize", "depth"],
            "expected --reinitialize with --start",
        ),
        (["lite"], "expected --data DIR"),
        (["lite", "--data", "x"], "expected --derived-data"),
        (["lite", "--data", "x", "--end-to-end"], "--end-to-end with paper only, got lite"),
        (["base", "--data", "x", "--resnet152", "y", "--dataset", "3dfaw=z"], "--dataset, --resnet152 with"),
        (
            ["lite-wide", "--data", "x", "--derived-data", "y", "--start", "z", "--stage", "prune"],
            "expected --stage prune with nano or lite, got it with lite-wide",
        ),
        (
            ["paper", "--dataset", "3dfaw=z", "--teacher-weight", "1"],
            "expected --teacher-weight and --teacher with nano",
        ),
        (
            ["nano", "--data", "x", "--derived-data", "y", "--teacher-weight", "-1"],
            "expected --teacher-weight of at least 0; got -1",
        ),
        (
            ["lite", "--data", "x", "--derived-data", "y", "--teacher", "lite"],
            "expected --teacher with a --teacher-weight above 0",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path, capsys, words, message):
    assert main(["train", *words, "--out", str(tmp_path / "run"), "--device", "cpu"]) == 2
    assert message in capsys.readouterr().err


def test_a_data_set_is_split_and_read_when_drawn(threedfaw):
    pools, validation = load_chosen_data([("3dfaw", threedfaw), ("3dfaw", threedfaw)], PAPER)
    assert [len(pool.samples) for pool in pools] == [12, 12]
    assert [pool.share for pool in pools] == [0.5, 0.5]
    names = [{pool.samples[index].name for index in range(12)} for pool in pools]
    held_out = {sample.name for sample in validation["3dfaw"]}
    assert len(held_out) == 2
    assert names[0] == names[1]
    assert not names[0] & held_out
    assert [sample.name for sample in pools[0].samples[:2]] == [pools[0].samples[i].name for i in (0, 1)]
    np.testing.assert_allclose(pools[0].sampling_weights, 1 / 12)
