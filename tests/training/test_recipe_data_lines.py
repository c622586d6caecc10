from pathlib import Path

import pytest
import torch
from small_cascade import small_cascade

from face_alignment_3d.training import recipe
from face_alignment_3d.training.config import LITE, LITE_REFINED
from face_alignment_3d.training.export import DATA, TURNED_DATA
from face_alignment_3d.training.processes import Processes
from face_alignment_3d.weights import loading


@pytest.mark.parametrize(
    ("config", "made", "lines"),
    [(LITE, None, DATA), (LITE_REFINED, Path("made"), (*DATA, *TURNED_DATA))],
    ids=["photos", "turned photos too"],
)
def test_the_manifest_names_what_was_learnt_from(tmp_path, monkeypatch, config, made, lines):
    monkeypatch.setattr(loading, "PRESETS", {"lite": small_cascade})
    for name in ("load_training_data", "load_labels3d", "TurnedLabels"):
        monkeypatch.setattr(recipe, name, lambda *_: None)
    monkeypatch.setattr(recipe, "train_joint", lambda *_, **__: (small_cascade(), {"hand/inner": 3.0}))
    said = []
    entry = recipe.run_joint_recipe(
        config,
        tmp_path,
        tmp_path / "run",
        processes=Processes(torch.device("cpu")),
        command="train",
        report=said.append,
        made=made,
    )
    assert entry.data == lines
    assert (tmp_path / "run" / entry.file).stat().st_size == entry.bytes
    assert said[-1].startswith(f"wrote {tmp_path / 'run' / entry.file} (")
