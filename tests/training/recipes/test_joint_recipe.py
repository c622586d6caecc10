import dataclasses
import threading

import numpy as np
import pytest
import torch

from face_alignment_3d.errors import DataError
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.sample import Sample
from face_alignment_3d.training.engine.optimization import learning_rate_factor
from face_alignment_3d.training.engine.processes import Processes
from face_alignment_3d.training.objectives.joint_objective import JointObjective
from face_alignment_3d.training.recipes import joint_recipe
from face_alignment_3d.training.recipes.config import TrainingConfig
from face_alignment_3d.training.recipes.joint_recipe import train_joint
from face_alignment_3d.training.recipes.training_data import SampleGroup, TrainingData
from face_alignment_3d.training.recipes.validation import validate
from tests.training.small_cascade import seeded_cascade, small_cascade, wide_cascade
from tests.training.synthetic_faces import picture, posed_faces

ALONE = Processes(torch.device("cpu"))
CONFIG = TrainingConfig(
    preset="small",
    steps=12,
    batch_size=4,
    warmup_steps=4,
    learning_rate=4e-3,
    precision="fp32",
    true_points_share=0.3,
    validate_every=5,
    checkpoint_seconds=-1.0,  # After each step.
)


@pytest.fixture(autouse=True)
def _small_preset(monkeypatch):
    monkeypatch.setattr(joint_recipe, "PRESETS", {"small": small_cascade})


def _samples(count, seed):
    points = posed_faces(count, seed=seed)[0][:, FROM_68].astype(np.float32)
    points[..., 2] -= points[..., 2].mean(axis=1, keepdims=True)
    ones = np.ones(66, dtype=np.float32)
    return [
        Sample(f"{seed}/{i}", picture(face), face, ones, ones, (face[:, 2] < 0).astype(np.float32), ones)
        for i, face in enumerate(points)
    ]


@pytest.fixture(scope="module")
def data():
    groups = {
        kind: SampleGroup(_samples(6, seed=seed), np.ones(6))
        for kind, seed in (("hand", 1), ("aflw", 2), ("teachers", 1))
    }
    groups |= {kind: SampleGroup([], np.ones(0)) for kind in ("views_of_hand", "views_of_teachers")}
    validation = {"hand": _samples(3, seed=3), "aflw": _samples(2, seed=4)}
    return TrainingData(groups, validation, posed_faces(30, seed=5)[0][:, FROM_68].astype(np.float32))


class _StopError(Exception):
    pass


def _stopping_at(step):
    """A report that ends the run, as a kill would, at the validation after ``step``."""

    def report(line):
        if "hand/inner" in line:
            raise _StopError

    return report, {"validate_every": step}


def _train(config, data, out, report=lambda line: None):
    return train_joint(config, data, out, processes=ALONE, report=report)


def _equal(first, second):
    states = first.state_dict(), second.state_dict()
    return all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())


@pytest.fixture(scope="module")
def uninterrupted(data, tmp_path_factory):
    """The folder of a whole run, its averaged cascade and its errors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joint_recipe, "PRESETS", {"small": small_cascade})
        out = tmp_path_factory.mktemp("runs") / "new" / "folder"
        return out, *_train(CONFIG, data, out)


def test_a_run_ends_with_an_averaged_cascade_and_its_errors(uninterrupted):
    out, cascade, errors = uninterrupted
    assert {path.name for path in out.iterdir()} - {"tensorboard"} == {"checkpoint.safetensors", "data.json"}
    assert not cascade.training
    assert all(tensor.isfinite().all() for tensor in cascade.state_dict().values())
    assert all(np.isfinite(value) for value in errors.values())


def test_a_finished_run_is_not_trained_again(uninterrupted, data):
    out, cascade, errors = uninterrupted
    before = (out / "checkpoint.safetensors").read_bytes()
    again, same_errors = _train(CONFIG, data, out)
    assert _equal(again, cascade)
    assert same_errors == errors
    assert (out / "checkpoint.safetensors").read_bytes() == before


@pytest.mark.parametrize("step", [2, 6, 9])
def test_a_resumed_run_equals_an_uninterrupted_one(uninterrupted, data, tmp_path, step):
    out, cascade, errors = uninterrupted
    report, change = _stopping_at(step)
    threads = threading.active_count()
    with pytest.raises(_StopError):
        _train(dataclasses.replace(CONFIG, **change), data, tmp_path, report)
    assert threading.active_count() == threads
    lines = []
    resumed, resumed_errors = _train(CONFIG, data, tmp_path, lines.append)
    assert f"resumed at step {step}" in lines[0]
    assert _equal(resumed, cascade)
    assert resumed_errors == errors
    # The parameters themselves, their average and the optimizer, bit by bit.
    name = "checkpoint.safetensors"
    assert (tmp_path / name).read_bytes() == (out / name).read_bytes()


def test_the_callers_random_state_is_left_alone(uninterrupted, data):
    out, *_ = uninterrupted
    torch.manual_seed(123)
    before = torch.random.get_rng_state()
    _train(CONFIG, data, out)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_another_seed_is_another_run(uninterrupted, data, tmp_path):
    _, cascade, _ = uninterrupted
    other, _ = _train(dataclasses.replace(CONFIG, seed=2), data, tmp_path)
    assert not _equal(other, cascade)


@pytest.fixture
def noted_losses(monkeypatch):
    """The losses of each step from now on, as {name: value}."""
    values = []

    def noted(*args):
        terms = original(*args)
        values.append({name: value.item() for name, value in terms.items()})
        return terms

    original = JointObjective.losses
    monkeypatch.setattr(JointObjective, "losses", noted)
    return values


def test_every_loss_falls(data, tmp_path, noted_losses):
    config = dataclasses.replace(
        CONFIG, steps=160, batch_size=8, learning_rate=2e-2, checkpoint_seconds=1e9, validate_every=1000
    )
    _train(config, data, tmp_path)
    assert len(noted_losses) == 160
    assert set(noted_losses[0]) == {field.name for field in dataclasses.fields(config.losses)}
    for name in noted_losses[0]:
        first, last = (np.mean([v[name] for v in part]) for part in (noted_losses[:4], noted_losses[-8:]))
        assert last < 0.9 * first, name


def test_the_z_network_learns_alone_beside_the_others_as_they_are(data, tmp_path, noted_losses):
    config = dataclasses.replace(
        CONFIG, trained=("depth",), steps=60, batch_size=8, checkpoint_seconds=1e9, validate_every=1000
    )
    before = joint_recipe.starting_cascade(config).state_dict()
    after = _train(config, data, tmp_path)[0].state_dict()
    for name, tensor in before.items():
        if not name.startswith("depth."):
            assert torch.equal(after[name], tensor), name
    assert any(not torch.equal(after[name], before[name]) for name in before if name.startswith("depth."))
    assert {*noted_losses[0]} == {"depth", "prior"}
    assert np.mean([v["depth"] for v in noted_losses[-8:]]) < 0.9 * np.mean(
        [v["depth"] for v in noted_losses[:4]]
    )


def test_a_wider_cascade_is_cut_once_and_learns_on(data, tmp_path, monkeypatch):
    wide = seeded_cascade(1, wide_cascade).eval()
    config = dataclasses.replace(CONFIG, pruned_from="wide", steps=4)
    cuts = []
    original = joint_recipe.prune

    def noted(given, narrow, batches):
        original(given, narrow, batches)
        cuts.append({name: tensor.clone() for name, tensor in narrow.state_dict().items()})

    monkeypatch.setattr(joint_recipe, "prune", noted)

    def train(config, out, report=lambda line: None):
        return train_joint(config, data, out, processes=ALONE, report=report, start=wide)

    lines = []
    whole, _ = train(config, tmp_path / "whole", lines.append)
    assert lines[0] == "pruning wide to small"
    (cut,) = cuts
    kept = "detection.stem.0.0.weight"
    assert torch.equal(cut[kept], wide.state_dict()[kept])
    assert not torch.equal(whole.state_dict()[kept], cut[kept])
    report, change = _stopping_at(2)
    with pytest.raises(_StopError):
        train(dataclasses.replace(config, **change), tmp_path / "resumed", report)
    resumed, _ = train(config, tmp_path / "resumed")
    assert len(cuts) == 2
    assert _equal(resumed, whole)


def test_reinitialized_tensors_and_parts_that_the_start_lacks_are_random():
    config = dataclasses.replace(CONFIG, reinitialized=("depth.",))
    given = seeded_cascade(3, small_cascade)
    given.visibility = None
    found, fresh = joint_recipe.starting_cascade(config, given), joint_recipe.starting_cascade(config)
    start, random = given.state_dict(), fresh.state_dict()
    for name, tensor in found.state_dict().items():
        kept = not name.startswith(("depth.", "visibility."))
        assert torch.equal(tensor, start[name] if kept else random[name]), name


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(data, tmp_path, monkeypatch):
    report, change = _stopping_at(3)
    with pytest.raises(_StopError):
        _train(dataclasses.replace(CONFIG, **change), data, tmp_path, report)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    losses = JointObjective.losses
    monkeypatch.setattr(
        JointObjective,
        "losses",
        lambda *args: {**(terms := losses(*args)), "depth": terms["depth"] * torch.nan},
    )
    with pytest.raises(DataError, match=r"not finite at step 3 \(.*depth nan.*checkpoint is kept"):
        _train(CONFIG, data, tmp_path)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def test_half_precision_trains_too(data, tmp_path):
    config = dataclasses.replace(CONFIG, precision="bf16", steps=4, full_precision_from=0.75)
    cascade, _ = _train(config, data, tmp_path)
    assert all(tensor.isfinite().all() for tensor in cascade.state_dict().values())
    assert all(p.dtype == torch.float32 for p in cascade.parameters())


def test_validation_reports_every_set_that_is_not_empty(data):
    cascade = small_cascade().eval()
    errors = validate(cascade, {**data.validation, "none": []})
    assert list(errors) == [f"{s}/{e}" for s in ("hand", "aflw") for e in ("inner", "failures", "box", "z")]
    assert all(value > 0 for value in errors.values())


def test_validation_of_the_truth_is_zero(data, monkeypatch):
    samples = data.validation["hand"]
    monkeypatch.setattr(
        "face_alignment_3d.training.recipes.validation.predict",
        lambda cascade, images, crops: np.stack([sample.points for sample in samples]),
    )
    errors = validate(small_cascade(), {"hand": samples})
    assert errors == {"hand/inner": 0, "hand/failures": 0, "hand/box": 0, "hand/z": 0}


def test_progress_lines_say_where_the_run_is(data, tmp_path):
    lines = []
    config = dataclasses.replace(CONFIG, steps=50, batch_size=1, checkpoint_seconds=1e9)
    _train(dataclasses.replace(config, validate_every=1000), data, tmp_path, lines.append)
    progress = [line for line in lines if line.startswith("step 50/50")]
    assert len(progress) == 1
    for word in (
        "detection",
        "shape",
        "coordinates",
        "depth",
        "prior",
        "visibility",
        "samples/s",
        "min left",
    ):
        assert word in progress[0]


def test_learning_rate_warms_up_and_decays():
    config = dataclasses.replace(CONFIG, steps=1000, warmup_steps=100)
    factors = np.array([learning_rate_factor(step, config) for step in range(1000)])
    np.testing.assert_allclose(factors[:100], np.arange(1, 101) / 100)
    assert (np.diff(factors[100:]) < 0).all()
    assert factors[100] == pytest.approx(1)
    assert factors[550] == pytest.approx(0.505, abs=1e-3)
    assert factors[-1] == pytest.approx(0.01, abs=1e-3)
