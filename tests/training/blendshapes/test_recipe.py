"""Training in miniature: the error falls, the reading of photos is found, the command writes its files."""

from pathlib import Path

import numpy as np
import pytest

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.blendshapes import VISIBLE, BlendshapeEstimator
from face_alignment_3d.cli import main
from face_alignment_3d.errors import DataError
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import MIRROR
from face_alignment_3d.pose import canonical_points
from face_alignment_3d.pose.mean_face import MEAN_FACE
from face_alignment_3d.training.blendshapes import recipe
from face_alignment_3d.training.blendshapes.expression_model import ExpressionModel
from face_alignment_3d.training.blendshapes.fitting import BlendshapeConfig, fit
from face_alignment_3d.training.blendshapes.measured_reading import measure_reading
from face_alignment_3d.training.blendshapes.measuring import summary, worth_on_faces
from face_alignment_3d.training.blendshapes.photos import PhotoLandmarks, Photos
from face_alignment_3d.training.blendshapes.samples import training_faces, unseen_faces
from face_alignment_3d.weights.manifest import load_manifest

CONFIG = BlendshapeConfig(samples=3000, epochs=6, width=32, batch_size=100, unseen=500)
UPPER, LOWER = [37, 38, 43, 44], [41, 40, 47, 46]
OFFSET = np.zeros((66, 3))
OFFSET[[17, 26]] = [[-0.02, 0.03, 0.0], [0.02, 0.03, 0.0]]


@pytest.fixture(scope="module")
def model() -> ExpressionModel:
    rng = np.random.default_rng(2)
    shapes = rng.standard_normal((52, 66, 3))
    shapes[BLENDSHAPES.index("tongueOut")] = 0
    return ExpressionModel(9 * MEAN_FACE, 0.1 * rng.standard_normal((3, 66, 3)), shapes)


def _photos(count: int = 200, shut: int = 20) -> PhotoLandmarks:
    """Faces at rest whose points lie OFFSET away; a network that shuts eyes by a third."""
    rng = np.random.default_rng(0)
    faces = np.repeat(MEAN_FACE[None] + OFFSET, count, axis=0)
    hand = faces.copy()
    hand[:shut, UPPER] = hand[:shut, LOWER]
    faces[:shut, UPPER] += (faces[:shut, LOWER] - faces[:shut, UPPER]) / 3
    faces = 100 * (faces + rng.normal(0, 0.003, faces.shape)) + 300
    paths = tuple(Path(f"{i}.jpg") for i in range(count))
    return PhotoLandmarks(paths, faces, 100 * hand[..., :2] + 300)


def test_the_reading_finds_the_offset_and_shuts_eyes() -> None:
    photos = _photos()
    reading = measure_reading(photos, MEAN_FACE)
    # The pose takes up a little of an offset that is not that of all points.
    np.testing.assert_allclose(reading.offset[[17, 26]], OFFSET[[17, 26]], atol=0.01)
    np.testing.assert_allclose(reading.offset[MIRROR] * [-1, 1, 1], reading.offset, atol=1e-12)
    read = reading.read(canonical_points(photos.landmarks))
    gaps = np.linalg.norm(read[:, UPPER] - read[:, LOWER], axis=-1).mean(axis=1)
    assert gaps[:20].mean() < 0.2 * gaps[20:].mean()


def test_too_few_photos_to_read_from_are_refused() -> None:
    with pytest.raises(DataError, match="8 shut eyes"):
        measure_reading(_photos(shut=0), MEAN_FACE)
    with pytest.raises(DataError, match="50 faces with closed lips"):
        measure_reading(_photos(count=30), MEAN_FACE)


def test_the_error_falls_and_unseen_faces_are_told(model: ExpressionModel) -> None:
    lines: list[str] = []
    faces = training_faces(model, CONFIG.samples, np.random.default_rng(1))
    regressor = fit(faces, CONFIG, report=lines.append)
    losses = [float(line.split()[-1]) for line in lines]
    assert len(losses) == CONFIG.epochs
    assert losses[-1] < 0.5 * losses[0]
    unseen = unseen_faces(model, CONFIG.unseen, np.random.default_rng(9), noise=0.01)
    worths = worth_on_faces(regressor, unseen)
    assert [worth.name for worth in worths] == list(BLENDSHAPES)
    assert summary(worths)["unseen ICT faces, 1 % noise, mean correlation"] > 0.6
    assert worths[BLENDSHAPES.index("tongueOut")].correlation == 0


def test_the_same_seed_gives_the_same_regressor(model: ExpressionModel) -> None:
    faces = training_faces(model, 300, np.random.default_rng(1))
    config = BlendshapeConfig(samples=300, epochs=1, width=8, batch_size=100)
    first, second = (fit(faces, config, report=lambda _: None) for _ in range(2))
    np.testing.assert_array_equal(first.predict(faces.points[:5]), second.predict(faces.points[:5]))


def test_the_command_writes_weights_that_load(
    model: ExpressionModel,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photos = _photos()
    monkeypatch.setattr(recipe, "load_expression_model", lambda _: model)
    monkeypatch.setattr(recipe, "read_photos", lambda *_: Photos(photos, photos))
    config = BlendshapeConfig(samples=200, epochs=1, width=8, batch_size=100, unseen=50)
    monkeypatch.setattr("face_alignment_3d.training.blendshapes.fitting.BlendshapeConfig", lambda: config)
    out = tmp_path / "out"
    assert main(["train", "blendshapes", "--data", str(tmp_path), "--out", str(out), "--seed", "3"]) == 0
    assert "mean correlation" in capsys.readouterr().out
    entry = load_manifest(out / "blendshapes.manifest.json")["blendshapes"]
    assert (entry.kind, entry.preset, entry.seed) == ("blendshapes", None, 3)
    assert entry.training_command.endswith("--out runs/blendshapes --seed 3")
    face = Face3D(100 * MEAN_FACE, np.ones(66, np.float32), np.zeros(4, np.float32), None)
    blendshapes = BlendshapeEstimator(out / entry.file).estimate(face)
    assert np.isfinite([blendshapes[name] for name in VISIBLE]).all()
    table = (out / "blendshapes.report.md").read_text()
    assert table.count("\n| jawOpen | yes |") == 1
    assert "| cheekPuff | NaN |" in table


def test_options_of_other_presets_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "blendshapes", "--data", "d", "--out", "o"]
    for option in (["--steps", "5"], ["--precision", "fp32"], ["--start", "a"], ["--end-to-end"]):
        assert main([*command, *option]) == 2
        assert option[0] in capsys.readouterr().err
