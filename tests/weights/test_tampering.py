"""Weight files that are not what they should be are refused, whichever network they are of."""

import random
import shutil
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.backends import torch_backend
from face_alignment_3d.blendshapes import BlendshapeEstimator
from face_alignment_3d.blendshapes.weights_file import load_blendshape_model
from face_alignment_3d.detection.scout.detector import ScoutDetector
from face_alignment_3d.detection.scout.weights_file import load_scout
from face_alignment_3d.errors import WeightsError
from face_alignment_3d.face import Face3D
from face_alignment_3d.weights.integrity import sha256_of
from face_alignment_3d.weights.loading import load_cascade
from face_alignment_3d.weights.safetensors_file import read_weight_file
from face_alignment_3d.weights.store import EMBEDDED_DIR, PinnedWeights, pinned_weights

POINTS = np.random.default_rng(0).normal(100, 20, (66, 3)).astype(np.float32)

USES: dict[str, Callable[[str], object]] = {
    "lite": lambda weights: FaceAligner3D(weights, backend="torch", device="cpu").load(detector=False),
    "nano": lambda weights: FaceAligner3D(weights, backend="torch", device="cpu").load(detector=False),
    "nano, in ONNX Runtime": lambda weights: FaceAligner3D(weights, backend="onnx").load(detector=False),
    "scout": lambda weights: ScoutDetector(weights=weights).load(),
    "scout, in ONNX Runtime": lambda weights: ScoutDetector(weights=weights, backend="onnx").load(),
    "blendshapes": lambda weights: BlendshapeEstimator(weights).estimate(
        Face3D(POINTS, np.ones(66, np.float32), np.float32([0, 0, 200, 200]), None)
    ),
}
LOADERS = {"nano": load_cascade, "scout": load_scout, "blendshapes": load_blendshape_model}


def _flipped(content: bytes, at: int) -> bytes:
    changed = bytearray(content)
    changed[at] ^= 1
    return bytes(changed)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a bit of the header's length": lambda content: _flipped(content, 0),
    "a bit of the header": lambda content: _flipped(content, 40),
    "a bit of a weight": lambda content: _flipped(content, len(content) // 2),
    "a bit of the last byte": lambda content: _flipped(content, -1),
    "truncated by one byte": lambda content: content[:-1],
    "truncated to the header": lambda content: content[: 8 + int.from_bytes(content[:8], "little")],
    "one byte more": lambda content: content + b"\0",
    "empty": lambda content: b"",
    "other weights": lambda content: (EMBEDDED_DIR / "lite.safetensors").read_bytes()[: len(content)],
}


@pytest.mark.parametrize("use", list(USES))
@pytest.mark.parametrize("damage", list(DAMAGES))
def test_by_name_nothing_is_loaded_that_the_manifest_does_not_list(use, damage, tmp_path, monkeypatch):
    name = use.partition(",")[0]
    content = (EMBEDDED_DIR / f"{name}.safetensors").read_bytes()
    changed = DAMAGES[damage](content)
    if changed == content:
        pytest.skip("these are the other weights")
    (tmp_path / f"{name}.safetensors").write_bytes(changed)
    monkeypatch.setenv("FACE_ALIGNMENT_3D_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match=r"is not the file that the manifest lists .*SHA-256"):
        USES[use](name)
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.safetensors"]


@pytest.mark.parametrize("kind", list(LOADERS))
@pytest.mark.parametrize("seed", range(40))
def test_by_path_damage_is_refused_or_is_in_the_weights_alone(kind, seed, tmp_path):
    """A path has no entry in the manifest: only what is no such network can be found out."""
    chance = random.Random(seed)
    content = bytearray((EMBEDDED_DIR / f"{kind}.safetensors").read_bytes())
    header = 8 + int.from_bytes(content[:8], "little")
    for _ in range(chance.choice([1, 1, 3, 20])):
        content[chance.randrange(header if seed % 2 else len(content))] = chance.randrange(256)
    if seed % 5 == 0:
        del content[chance.randrange(len(content)) :]
    file = tmp_path / "mine.safetensors"
    file.write_bytes(content)
    with suppress(WeightsError):  # And no other error, whatever the bytes are.
        LOADERS[kind](file)


@pytest.mark.parametrize("kind", list(LOADERS))
@pytest.mark.parametrize("other", list(LOADERS))
def test_no_loader_takes_weights_of_another_kind(kind, other):
    file = EMBEDDED_DIR / f"{other}.safetensors"
    if kind == other:
        LOADERS[kind](file)
    else:
        with pytest.raises(WeightsError, match=r"holds the weights of|does not hold|is safetensors, but not"):
            LOADERS[kind](file)


def test_a_preset_under_the_name_of_another(tmp_path, monkeypatch):
    shutil.copy(EMBEDDED_DIR / "lite.safetensors", tmp_path / "nano.safetensors")
    monkeypatch.setenv("FACE_ALIGNMENT_3D_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="is not the file that the manifest lists for weights 'nano'"):
        FaceAligner3D("nano", device="cpu").load(detector=False)


def test_files_are_read_once(tmp_path):
    """The bytes that are checked are loaded, also where the file is replaced, cut or removed in between."""
    file = tmp_path / "mine.safetensors"
    shutil.copy(EMBEDDED_DIR / "nano.safetensors", file)
    read = read_weight_file(file)
    file.write_bytes(b"")
    file.unlink()
    assert load_cascade(read).geometry.input_size == 112


@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_a_file_that_is_replaced_while_it_is_loaded(backend, tmp_path, monkeypatch):
    file = tmp_path / "mine.safetensors"
    shutil.copy(EMBEDDED_DIR / "nano.safetensors", file)
    monkeypatch.setenv("FACE_ALIGNMENT_3D_HOME", str(tmp_path / "home"))

    def replaced(*args: object, **options: object) -> PinnedWeights:
        pinned = pinned_weights(*args, **options)
        shutil.copy(EMBEDDED_DIR / "lite.safetensors", file)
        return pinned

    monkeypatch.setattr(f"face_alignment_3d.backends.{backend}_backend.pinned_weights", replaced)
    torch_backend._recorded.cache_clear()
    with pytest.raises(WeightsError, match="it was changed while it was being loaded"):
        FaceAligner3D(file, backend=backend, device="cpu").load(detector=False)
    assert not (tmp_path / "home").exists(), "a graph was kept"


def test_a_graph_of_other_weights_under_the_name_of_these(tmp_path, monkeypatch):
    """A graph with its right digest lies in the cache where that of other weights belongs."""
    monkeypatch.setenv("FACE_ALIGNMENT_3D_HOME", str(tmp_path))
    FaceAligner3D("nano", backend="onnx", device="cpu").load(detector=False)
    (graph,) = (tmp_path / "onnx").glob("*.onnx")
    nano, lite = (sha256_of(EMBEDDED_DIR / f"{name}.safetensors") for name in ("nano", "lite"))
    for file in (graph, graph.with_name(f"{graph.name}.sha256")):
        shutil.copy(file, file.with_name(file.name.replace(nano[:16], lite[:16])))
    with pytest.raises(WeightsError, match=f"should be made from the weights with SHA-256 {lite}"):
        FaceAligner3D("lite", backend="onnx", device="cpu").load(detector=False)
