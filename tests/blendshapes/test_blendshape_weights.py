"""A blendshape file comes back as it was written; anything else is refused by name."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.arkit import VISIBLE
from face_alignment_3d.blendshapes.mirroring import mirror_permutation
from face_alignment_3d.blendshapes.reading import Reading
from face_alignment_3d.blendshapes.regressor import Regressor
from face_alignment_3d.blendshapes.weights_file import (
    BlendshapeModel,
    load_blendshape_model,
    save_blendshape_model,
)
from face_alignment_3d.errors import WeightsError
from face_alignment_3d.weights.safetensors_file import read_metadata

WIDTH = 8


def _weights() -> BlendshapeModel:
    rng = np.random.default_rng(0)

    def some(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32).astype(np.float64)

    layers = ((some(WIDTH, 198), some(WIDTH)), (some(WIDTH, WIDTH), some(WIDTH)))
    last = (some(len(VISIBLE), WIDTH), some(len(VISIBLE)))
    regressor = Regressor(
        some(66, 3), np.abs(some(66, 3)) + 0.1, (*layers, last), mirror_permutation(VISIBLE)
    )
    return BlendshapeModel(Reading(some(66, 3), some(33), 0.25), regressor, some(66, 3))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "mine.safetensors"
    save_blendshape_model(_weights(), path, metadata={"seed": "7"})
    return path


def test_round_trip(saved: Path) -> None:
    given, loaded = _weights(), load_blendshape_model(saved)
    points = np.random.default_rng(1).standard_normal((4, 66, 3))
    # The spread is stored as float32.
    np.testing.assert_allclose(loaded.regressor.predict(points), given.regressor.predict(points), rtol=1e-5)
    np.testing.assert_array_equal(loaded.reading.read(points), given.reading.read(points))
    np.testing.assert_array_equal(loaded.neutral, given.neutral)
    assert read_metadata(saved)["seed"] == "7"


def test_the_same_weights_give_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    save_blendshape_model(_weights(), again, metadata={"seed": "7"})
    assert again.read_bytes() == saved.read_bytes()


def _change_name(t: dict, m: dict) -> None:
    t["more"] = t.pop("neutral")


def _not_finite(t: dict, m: dict) -> None:
    t["layers.1.weight"][0, 0] = np.nan


def _zero_spread(t: dict, m: dict) -> None:
    t["spread"][3] = 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_change_name, "lacks neutral; it has the unknown more"),
        (_not_finite, "has values that are not finite in layers.1.weight"),
        (_zero_spread, "spread has values that are not above 0"),
        (
            lambda t, m: t.update(mean=np.zeros((68, 3), np.float32)),
            r"other shapes: mean \(68, 3\) instead",
        ),
        (lambda t, m: t.update(mean=np.zeros((66, 3), np.int64)), "mean is of type I64; expected F16, F32"),
        (lambda t, m: t.pop("layers.0.bias"), "lacks layers.0.bias"),
        (lambda t, m: m.update(format="other"), "does not hold blendshapes"),
        (lambda t, m: m.update(format_version="9"), "with format_version '1'; the file has '9'"),
        (lambda t, m: m.update(blendshapes="jawOpen"), "the file has 'jawOpen'"),
    ],
)
def test_other_files_are_refused(saved: Path, change: Callable[[dict, dict], None], message: str) -> None:
    tensors, metadata = safetensors.numpy.load_file(saved), dict(read_metadata(saved))
    change(tensors, metadata)
    safetensors.numpy.save_file(tensors, saved, metadata)
    with pytest.raises(WeightsError, match=message):
        load_blendshape_model(saved)


def test_absent_and_broken_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="there is no weight file"):
        load_blendshape_model(tmp_path / "absent.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"\x80\x02pickled")
    with pytest.raises(WeightsError, match="never loaded"):
        load_blendshape_model(broken)


def test_saving_refuses_what_could_not_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="metadata may not set format"):
        save_blendshape_model(_weights(), tmp_path / "a.safetensors", metadata={"format": "mine"})
    with pytest.raises(WeightsError, match="cannot write"):
        save_blendshape_model(_weights(), tmp_path / "absent" / "a.safetensors", metadata={})


def test_they_find_no_landmarks(saved: Path) -> None:
    aligner = FaceAligner3D(saved, backend="torch", device="cpu")  # Reads no file.
    with pytest.raises(WeightsError, match="weights of blendshapes, which find no landmarks"):
        aligner.load(detector=False)
