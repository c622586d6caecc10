"""The stages of the paper's recipe in miniature."""

import dataclasses
import os
import signal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from face_alignment_3d.errors import DataError, WeightsError
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.sample import Sample
from face_alignment_3d.training.engine.batches import BatchMaker, Pool
from face_alignment_3d.training.engine.processes import Processes
from face_alignment_3d.training.engine.trainer import Trainer
from face_alignment_3d.training.engine.training_loop import TrainingStopped
from face_alignment_3d.training.objectives.paper_objective import PaperObjective
from face_alignment_3d.training.recipes import paper_recipe
from face_alignment_3d.training.recipes.paper_config import END_TO_END, PAPER, PaperConfig
from face_alignment_3d.training.recipes.paper_recipe import stage_plan, stage_rate, stage_steps, train_paper
from tests.training.small_paper_cascade import GEOMETRY, small_paper_cascade
from tests.training.synthetic_faces import picture, posed_faces

ALONE = Processes(torch.device("cpu"))
STAGES = tuple(dataclasses.replace(stage, batch_size=4) for stage in (*PAPER.stages, END_TO_END))
CONFIG = PaperConfig(preset="small", precision="fp32", stages=STAGES, stage_steps=3, checkpoint_seconds=1e9)
PARTS = ("detection", "regression", "depth")


@pytest.fixture(autouse=True)
def _small_preset(monkeypatch):
    monkeypatch.setattr(paper_recipe, "PRESETS", {"small": small_paper_cascade})


@pytest.fixture(scope="module")
def samples():
    points = posed_faces(4, seed=1)[0][:, FROM_68].astype(np.float32)
    points[..., 2] -= points[..., 2].mean(axis=1, keepdims=True)
    ones = np.ones(66, dtype=np.float32)
    return [Sample(str(i), picture(face), face, ones, ones) for i, face in enumerate(points)]


@pytest.fixture(scope="module")
def pools(samples):
    return [Pool(samples, 1.0, np.full(4, 0.25))]


def _train(config, pools, samples, out, report=lambda line: None):
    return train_paper(config, pools, {"held out": samples[:1]}, out, processes=ALONE, report=report)


@pytest.fixture(scope="module")
def whole_run(pools, samples, tmp_path_factory):
    """The folder of an uninterrupted run and what it returned."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paper_recipe, "PRESETS", {"small": small_paper_cascade})
        out = tmp_path_factory.mktemp("paper")
        return out, *_train(CONFIG, pools, samples, out)


def _part(state, prefix, part):
    return {name: tensor for name, tensor in state.items() if name.startswith(f"{prefix}.{part}.")}


def test_the_paper_says_so():
    """Section 4, by hand."""
    assert [stage.name for stage in PAPER.stages] == ["detection", "regression", "joint", "depth"]
    assert [stage.trained for stage in PAPER.stages] == [
        ("detection",),
        ("regression",),
        ("detection", "regression"),
        ("depth",),
    ]
    assert [stage.epochs for stage in PAPER.stages] == [30, 30, 30, 100]
    assert [stage.batch_size for stage in PAPER.stages] == [8, 8, 8, 16]
    rates = [(stage.first_rate, stage.last_rate) for stage in PAPER.stages]
    assert rates == [(1e-3, 2.5e-5), (1e-4, 2.5e-5), (1e-4, 2.5e-5), (1e-2, 2.5e-4)]
    assert END_TO_END not in PAPER.stages


def test_crops_vary_as_in_the_paper():
    angles, shifts, factors = PAPER.geometric.sample(2000, np.random.default_rng(0))
    degrees, scales = np.rad2deg(angles), factors * 1.25
    assert -35 <= degrees.min() < -34
    assert 34 < degrees.max() <= 35
    # The least extension on the largest face, and the other way around.
    assert 1.20 / 1.15 <= scales.min() < 1.07
    assert 1.43 < scales.max() <= 1.25 / 0.85
    assert not shifts.any()
    assert PAPER.geometric.mirror


def test_a_run_leaves_a_checkpoint_a_stage_and_returns_the_last(whole_run):
    out, cascade, errors = whole_run
    assert {path.stem for path in out.glob("*.safetensors")} == {stage.name for stage in STAGES}
    last = load_file(out / "end_to_end.safetensors")
    for name, tensor in cascade.state_dict().items():
        assert torch.equal(tensor, last[f"network.{name}"])
    assert set(errors) == {f"held out/{error}" for error in ("inner", "failures", "box", "z")}


@pytest.mark.parametrize("index", range(5), ids=[stage.name for stage in STAGES])
def test_a_stage_moves_what_it_trains_and_nothing_else(whole_run, index):
    """Parameters and batch norm statistics alike."""
    out, *_ = whole_run
    stage = STAGES[index]
    after = load_file(out / f"{stage.name}.safetensors")
    if index:
        before = load_file(out / f"{STAGES[index - 1].name}.safetensors")
    else:
        start = paper_recipe.starting_cascade(CONFIG, resnet152=None, resnet200=None).state_dict()
        before = {f"network.{name}": tensor for name, tensor in start.items()}
    for part in PARTS:
        old, new = _part(before, "network", part), _part(after, "network", part)
        moved = {name for name in old if not torch.equal(old[name], new[name])}
        if part in stage.trained:
            assert any(name.endswith("running_mean") for name in moved)
            assert {name for name in moved if name.endswith("weight")}
        else:
            assert not moved
        average = _part(after, "average", part)
        assert all(torch.equal(average[name.replace("network.", "average.", 1)], new[name]) for name in new)


@pytest.mark.parametrize("stop_after", [1, 4, 8, 11, 13])
def test_a_run_that_sigterm_stopped_goes_on_bit_by_bit(
    whole_run, pools, samples, tmp_path, monkeypatch, stop_after
):
    """Once in each stage."""
    out, *_ = whole_run
    steps = []

    def stopped(self, cascade, batch, random_values):
        steps.append(1)
        if len(steps) == stop_after:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, cascade, batch, random_values)

    original = PaperObjective.losses
    with monkeypatch.context() as patch:
        patch.setattr(PaperObjective, "losses", stopped)
        with pytest.raises(TrainingStopped) as caught:
            _train(CONFIG, pools, samples, tmp_path)
    assert caught.value.exit_code == 143
    assert len(steps) == stop_after
    lines = []
    _train(CONFIG, pools, samples, tmp_path, lines.append)
    assert any("resumed at step" in line for line in lines)
    for stage in STAGES:
        name = f"{stage.name}.safetensors"
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes(), name


# Far larger rates than the recipe's: a few dozen steps on a tiny network have to show something.
@pytest.mark.parametrize(
    ("name", "rate", "steps", "least"),
    [
        ("detection", 2e-2, 30, {"detection": 0.5}),
        ("regression", 1e-2, 40, {"regression": 0.9}),
        ("joint", 5e-3, 40, {"detection": 0.5, "regression": 0.9}),
        ("depth", 1e-2, 60, {"depth": 0.75}),
        ("end_to_end", 5e-3, 80, {"detection": 0.5, "regression": 0.9, "depth": 0.9}),
    ],
)
def test_each_loss_of_a_stage_falls(pools, tmp_path, monkeypatch, name, rate, steps, least):
    values = []

    def noted(self, cascade, batch, random_values):
        terms = original(self, cascade, batch, random_values)
        values.append({loss: value.item() for loss, value in terms.items()})
        return terms

    original = PaperObjective.losses
    monkeypatch.setattr(PaperObjective, "losses", noted)
    stage = next(stage for stage in STAGES if stage.name == name)
    stage = dataclasses.replace(stage, first_rate=rate, last_rate=rate / 4)
    plan = stage_plan(CONFIG, stage, index=0, steps=steps)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        cascade = small_paper_cascade()
    trainer = Trainer(cascade, plan, tmp_path / "stage.safetensors", processes=ALONE)
    maker = BatchMaker(pools, GEOMETRY, CONFIG.geometric, CONFIG.photometric, 4, 1)
    trainer.until(steps, maker, lambda line: None)
    assert set(values[0]) == set(least)
    for loss, factor in least.items():
        first, last = (np.mean([value[loss] for value in part]) for part in (values[:3], values[-5:]))
        assert last < factor * first, (loss, first, last)


def test_the_z_network_sees_true_points_and_the_cascades_own():
    random_values = PaperObjective(("depth",)).sample(2000, torch.Generator().manual_seed(0))
    assert 0.45 < random_values["sees_truth"].float().mean() < 0.55
    assert PaperObjective(("detection", "regression")).sample(8, torch.Generator()) == {}


@pytest.mark.parametrize("sees_truth", [True, False])
def test_what_the_z_network_sees_is_what_was_drawn(samples, monkeypatch, sees_truth):
    cascade = small_paper_cascade().eval()
    batch = BatchMaker(
        [Pool(samples, 1.0, np.full(4, 0.25))], GEOMETRY, CONFIG.geometric, CONFIG.photometric, 4, 1
    ).batch(0)
    seen = []

    def noted(image, points):
        seen.append(points)
        return torch.zeros(points.shape[:2])

    monkeypatch.setattr(cascade, "regress_depth", noted)
    with torch.no_grad():
        own = cascade.predict_2d(cascade.normalize(batch.crops)).points
        PaperObjective(("depth",)).losses(cascade, batch, {"sees_truth": torch.full((4,), sees_truth)})
    torch.testing.assert_close(seen[0], batch.points[..., :2] if sees_truth else own)


def test_epochs_are_counted_in_samples(pools):
    config = dataclasses.replace(CONFIG, stage_steps=None)
    stage = dataclasses.replace(STAGES[0], epochs=2.5, batch_size=3)
    assert stage_steps(config, stage, [*pools, *pools]) == 7  # 2.5 * 8 / 3, rounded up.
    assert stage_steps(CONFIG, stage, pools) == 3


def test_rates_fall_by_a_constant_factor():
    stage = PAPER.stages[0]
    rates = np.array([stage_rate(stage, step, 100) for step in range(100)])
    assert rates[0] == pytest.approx(1e-3)
    assert rates[-1] == pytest.approx(2.5e-5)
    np.testing.assert_allclose(rates[1:] / rates[:-1], rates[1] / rates[0])


def test_stages_see_different_crops(pools):
    seeds = [stage_plan(CONFIG, stage, index=i, steps=3).seed for i, stage in enumerate(STAGES)]
    other = dataclasses.replace(CONFIG, seed=CONFIG.seed + 1)
    seeds += [stage_plan(other, stage, index=i, steps=3).seed for i, stage in enumerate(STAGES)]
    assert len(set(seeds)) == len(seeds)


def test_a_loss_that_is_not_finite_stops_the_run(samples, tmp_path):
    broken = [dataclasses.replace(s, points=s.points * np.float32([1, 1, "nan"])) for s in samples]
    with pytest.raises(DataError, match=r"not finite at step 0 \(depth nan\)"):
        _train(CONFIG, [Pool(broken, 1.0, np.full(4, 0.25))], samples, tmp_path)


def test_processes_that_find_different_checkpoints_are_told_so(tmp_path):
    class Elsewhere(Processes):
        """Another process found the checkpoint of step 7; this one found none."""

        def all_reduce_max(self, values):
            return [max(mine, others) for mine, others in zip(values, [7.0, -7.0], strict=True)]

    plan = stage_plan(CONFIG, STAGES[0], index=0, steps=9)
    trainer = Trainer(
        small_paper_cascade(), plan, tmp_path / "x.safetensors", processes=Elsewhere(ALONE.device)
    )
    with pytest.raises(DataError, match=r"x\.safetensors, got steps from 0 to 7; give an --out that all"):
        trainer.resume(lambda line: None)


def test_imagenet_weights_are_for_the_papers_networks(tmp_path):
    with pytest.raises(WeightsError, match=r"resnet152\.pth is for the networks of the preset 'paper'"):
        paper_recipe.starting_cascade(CONFIG, resnet152=tmp_path / "resnet152.pth", resnet200=None)
