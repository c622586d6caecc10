from types import SimpleNamespace

import pytest
import torch

from face_alignment_3d.errors import DataError
from face_alignment_3d.training.engine.export import DATA
from face_alignment_3d.training.engine.processes import Processes
from face_alignment_3d.training.recipes import recipe
from face_alignment_3d.training.recipes.config import LITE, LITE_PRUNED
from face_alignment_3d.weights import loading
from face_alignment_3d.weights.integrity import sha256_of
from face_alignment_3d.weights.safetensors_file import read_metadata
from tests.training.small_cascade import small_cascade


def _run(config, folder, *, report=lambda _: None, **options):
    return recipe.run_joint_recipe(
        config,
        folder,
        folder / "run",
        processes=Processes(torch.device("cpu")),
        command="train",
        report=report,
        **options,
    )


@pytest.mark.parametrize("teacher", [None, {"weights_sha256": "ab" * 32}])
def test_the_manifest_names_what_was_learned_from(tmp_path, monkeypatch, teacher):
    monkeypatch.setattr(loading, "PRESETS", {"lite": small_cascade})
    monkeypatch.setattr(recipe, "load_training_data", lambda *_: SimpleNamespace(teacher=teacher))
    monkeypatch.setattr(recipe, "train_joint", lambda *_, **__: (small_cascade(), {"hand/inner": 3.0}))
    said = []
    start = tmp_path / "start.safetensors"
    loading.save_cascade(small_cascade(), start, preset="lite", metadata={})
    entry = _run(LITE, tmp_path, report=said.append, derived_data=tmp_path, start=start)
    of_teacher = () if teacher is None else (f"what weights {'ab' * 8} say of these photos and views",)
    assert entry.data == (*DATA, *of_teacher)
    made = tmp_path / "run" / entry.file
    assert made.stat().st_size == entry.bytes
    assert said[-1].startswith(f"wrote {made} (")
    assert read_metadata(made)["starts_from_sha256"] == sha256_of(start)


def test_a_start_that_is_not_there_leaves_nothing_behind(tmp_path):
    with pytest.raises(DataError, match=r"there is none at .*absent\.safetensors"):
        _run(LITE, tmp_path, derived_data=tmp_path, start=tmp_path / "absent.safetensors")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("config", "expected"),
    [(LITE, "lite"), (LITE_PRUNED, "lite-wide")],
    ids=["of the same preset", "of the wider one"],
)
def test_weights_of_another_preset_are_no_start(tmp_path, monkeypatch, config, expected):
    presets = {"lite": small_cascade, "lite-wide": small_cascade}
    monkeypatch.setattr(loading, "PRESETS", presets)
    other = next(name for name in presets if name != expected)
    start = tmp_path / "start.safetensors"
    loading.save_cascade(small_cascade(), start, preset=other, metadata={})
    with pytest.raises(DataError, match=f"expected weights of {expected} to start from; .* those of {other}"):
        _run(config, tmp_path, derived_data=tmp_path, start=start)
