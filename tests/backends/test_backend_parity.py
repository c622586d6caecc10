"""Both runtimes give the results of the unfolded cascade in torch."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from face_alignment_3d.backends.onnx_backend import OnnxBackend
from face_alignment_3d.backends.protocol import Backend
from face_alignment_3d.backends.torch_backend import TorchBackend
from face_alignment_3d.crop import box_around, crop_around
from face_alignment_3d.onnx_graphs.cascade_graph import cascade_graph
from face_alignment_3d.weights.loading import load_cascade
from face_alignment_3d.weights.store import resolve_weights

#: Crop pixels.
TOLERANCE = 0.02
DATA_VARIABLE = "FACE_ALIGNMENT_3D_DATA"


@pytest.fixture(scope="module", params=["lite", "nano"])
def weights(request: pytest.FixtureRequest) -> Path:
    return resolve_weights(request.param)


@pytest.fixture(scope="module")
def onnx(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> OnnxBackend:
    graph = tmp_path_factory.mktemp("graph") / f"{weights.stem}.onnx"
    graph.write_bytes(cascade_graph(weights))
    return OnnxBackend(graph, device="cpu", threads=1)


@pytest.fixture(scope="module")
def torch_backend(weights: Path) -> TorchBackend:
    return TorchBackend(weights, device="cpu")


@pytest.fixture(scope="module")
def crops(torch_backend: TorchBackend) -> np.ndarray:
    """Smooth colors, noise, and plain black and white."""
    rng = np.random.default_rng(0)
    coarse = [rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for side in (3, 6, 12, 40, 128)]
    size = (torch_backend.geometry.input_size,) * 2
    smooth = [cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC) for pixels in coarse]
    return np.stack([*smooth, np.zeros_like(smooth[0]), np.full_like(smooth[0], 255)])


@pytest.mark.parametrize("name", ["onnx", "torch_backend"])
def test_a_backend_says_what_the_weight_file_says(
    name: str, weights: Path, crops: np.ndarray, request: pytest.FixtureRequest
) -> None:
    backend: Backend = request.getfixturevalue(name)
    with torch.inference_mode():
        points, confidence, seen = load_cascade(weights)(torch.from_numpy(crops).permute(0, 3, 1, 2))
    found, found_confidence, visibility = backend.run(crops)
    assert visibility is not None
    assert found.dtype == found_confidence.dtype == visibility.dtype == np.float32
    assert found.shape == (len(crops), 66, 3)
    np.testing.assert_allclose(found, points.numpy(), atol=TOLERANCE, rtol=0)
    np.testing.assert_allclose(found_confidence, confidence.numpy(), atol=1e-3, rtol=0)
    np.testing.assert_allclose(visibility, seen.numpy(), atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", ["onnx", "torch_backend"])
def test_a_batch_equals_single_crops(name: str, crops: np.ndarray, request: pytest.FixtureRequest) -> None:
    backend: Backend = request.getfixturevalue(name)
    together = backend.run(crops).points
    for crop, points in zip(crops, together, strict=True):
        np.testing.assert_allclose(backend.run(crop[None])[0][0], points, atol=1e-3, rtol=0)


def test_both_know_the_same_geometry(onnx: OnnxBackend, torch_backend: TorchBackend) -> None:
    assert onnx.geometry == torch_backend.geometry
    assert (onnx.name, onnx.device) == ("onnx", "cpu")
    assert (torch_backend.name, torch_backend.device) == ("torch", "cpu")


def test_sixteen_bits_stay_near(weights: Path, torch_backend: TorchBackend, crops: np.ndarray) -> None:
    sixteen = TorchBackend(weights, device="cpu", dtype="bfloat16")
    # Where the crop shows no face the maps are flat and rounding moves their mean: the median says enough.
    difference = np.abs(sixteen.run(crops)[0] - torch_backend.run(crops)[0])
    assert 0 < np.median(difference) < 0.5


@pytest.mark.skipif(DATA_VARIABLE not in os.environ, reason=f"{DATA_VARIABLE} is not set")
def test_parity_on_photos(onnx: OnnxBackend, torch_backend: TorchBackend) -> None:
    folder = Path(os.environ[DATA_VARIABLE]) / "photos68"
    labels = np.load(folder / "afw.npz")
    files = {file.stem: file for file in (folder / "afw").iterdir()}
    count = 300
    worst = np.zeros(count)
    for index, (name, points) in enumerate(
        zip(labels["names"][:count], labels["points68"][:count], strict=True)
    ):
        image = cv2.cvtColor(cv2.imread(str(files[str(name)])), cv2.COLOR_BGR2RGB)
        geometry = onnx.geometry
        crop = crop_around(box_around(points), size=geometry.input_size, crop_scale=geometry.crop_scale)
        pixels = crop.sample(image)[None]
        worst[index] = np.abs(onnx.run(pixels)[0] - torch_backend.run(pixels)[0]).max()
    assert worst.max() < TOLERANCE
