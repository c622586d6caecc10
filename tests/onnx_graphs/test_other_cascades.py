"""Graphs of cascades without released weights: freely regressed maps, and deconvolutions that are kept."""

import numpy as np
import onnxruntime
import torch
from torch import nn

from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.networks.geometry import CascadeGeometry
from face_alignment_3d.networks.paper.blocks import Bottleneck, PreActivationBottleneck
from face_alignment_3d.onnx_graphs.cascade_graph import cascade_to_onnx

N = 66
GEOMETRY = CascadeGeometry(
    landmarks=N,
    input_size=32,
    crop_scale=1.25,
    heatmap_stride=1,
    depth_stride=1,
    depth_std=2.0,
    detection_radius=3.0,
    regression_std=2.0,
    decoding="peak",
)


class _Detection(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 8, 7, 2, padding=3), Bottleneck(8, 4, 16, stride=2))
        self.deconvolution = nn.ConvTranspose2d(16, 16, 8, stride=4, padding=2, groups=4)
        self.score = nn.Conv2d(16, N, 1)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.trunk(image)
        return self.score(torch.relu(self.deconvolution(features))), features


class _Regression(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(N, 16, 4, stride=4)
        self.trunk = PreActivationBottleneck(32, 8, N)
        self.deconvolution = nn.ConvTranspose2d(N, N, 8, stride=4, padding=2)

    def forward(self, logits: torch.Tensor, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        maps = self.enter(torch.sigmoid(logits))
        return self.deconvolution(self.trunk(torch.cat([maps, features], dim=1))), features


class _Depth(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3 + N, 16, 7, 4, padding=3, bias=False), nn.BatchNorm2d(16))
        self.score = nn.Linear(16, N)

    def forward(self, image: torch.Tensor, heatmaps: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        return self.score(self.stem(torch.cat([image, heatmaps], dim=1)).relu().mean(dim=(2, 3)))


def test_a_cascade_with_free_maps_says_the_same() -> None:
    torch.manual_seed(0)
    cascade = Cascade(GEOMETRY, _Detection(), _Regression(), _Depth()).eval()
    crops = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    content = cascade_to_onnx(cascade, metadata={})
    assert any(
        isinstance(module, nn.BatchNorm2d) for module in cascade.modules()
    )  # It was not folded itself.
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    points, z, confidence = session.run(["points", "z", "confidence"], {"crops": crops})
    with torch.inference_mode():
        expected, expected_confidence = cascade(torch.from_numpy(crops).permute(0, 3, 1, 2))
    np.testing.assert_allclose(points, expected[..., :2].numpy(), atol=0.02, rtol=0)
    np.testing.assert_allclose(z, expected[..., 2].numpy(), atol=0.02, rtol=0)
    np.testing.assert_allclose(confidence, expected_confidence.numpy(), atol=1e-3, rtol=0)
    assert expected[..., :2].std() > 1


def test_settings_of_the_caller_do_not_reach_a_graph() -> None:
    torch.manual_seed(0)
    cascade = Cascade(GEOMETRY, _Detection(), _Regression(), _Depth()).eval()
    expected = cascade_to_onnx(cascade, metadata={})
    torch.set_default_dtype(torch.float64)
    try:
        with torch.autocast("cpu", torch.bfloat16), torch.device("meta"), torch.inference_mode():
            assert cascade_to_onnx(cascade, metadata={}) == expected
    finally:
        torch.set_default_dtype(torch.float32)
