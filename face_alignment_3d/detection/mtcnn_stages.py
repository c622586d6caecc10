"""MTCNN's search of one image: three small networks, each with fewer and better candidates than the last.

Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks" (2016).
The networks and their weights are facenet-pytorch's. The search between them is our own, because that
package's fails on images smaller than its smallest face and where a candidate lies outside the image,
squeezes the candidates that reach over the border, and rounds them to whole pixels.

Boxes here are in *edge* coordinates: the top-left pixel spans 0 to 1, so widths are differences.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torchvision.ops import nms, roi_align

SMALLEST_POSSIBLE: Final = 12
"""Side in pixels of the smallest face that the first network can see: its field of view."""
_STRIDE: Final = 2
"""Pixels between two outputs of the first network."""
_PYRAMID_STEP: Final = 0.709
_FIRST_THRESHOLDS: Final = (0.6, 0.7)
"""Scores that candidates need to pass the first two stages, as published."""
_MAX_CANDIDATES: Final = 4096
"""Kept of the first stage, best first: bounds time and memory on noise, which looks like faces everywhere."""


@dataclass(frozen=True)
class Networks:
    """The proposal, refinement and output networks, on one device."""

    proposal: nn.Module
    refinement: nn.Module
    output: nn.Module
    device: torch.device


def load_networks(device: torch.device) -> Networks:
    """The networks with the weights that facenet-pytorch's wheel carries; nothing is downloaded."""
    import facenet_pytorch

    folder = Path(facenet_pytorch.__file__).parent / "data"

    def load(network: nn.Module, file: str) -> nn.Module:
        network.load_state_dict(torch.load(folder / file, map_location="cpu", weights_only=True))
        return network.requires_grad_(False).eval().to(device)

    return Networks(
        load(facenet_pytorch.PNet(pretrained=False), "pnet.pt"),
        load(facenet_pytorch.RNet(pretrained=False), "rnet.pt"),
        load(facenet_pytorch.ONet(pretrained=False), "onet.pt"),
        device,
    )


@torch.inference_mode()
def search(
    networks: Networks,
    image_rgb: npt.NDArray[np.uint8],
    *,
    smallest: float,
    last_threshold: float,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Boxes (F, 4), in edge coordinates, and scores (F,) of the faces in an (H, W, 3) uint8 image.

    ``smallest`` is the smallest side of a face in pixels; ``last_threshold`` the score that a face needs in
    the last stage. The same face may be found more than once.
    """
    boxes = _propose(networks, image_rgb, smallest=smallest, threshold=_FIRST_THRESHOLDS[0])
    pixels = _to_tensor(image_rgb, networks.device)
    boxes, scores = _refine(networks.refinement, pixels, boxes, size=24, threshold=_FIRST_THRESHOLDS[1])
    kept = nms(boxes, scores, 0.7)
    boxes, scores = _refine(networks.output, pixels, boxes[kept], size=48, threshold=last_threshold)
    kept = nms(boxes, scores, 0.7)
    return boxes[kept].double().cpu().numpy(), scores[kept].double().cpu().numpy()


def _propose(
    networks: Networks, image_rgb: npt.NDArray[np.uint8], *, smallest: float, threshold: float
) -> torch.Tensor:
    """The first stage: (K, 4) candidates from a pyramid of the image."""
    height, width = image_rgb.shape[:2]
    boxes, scores = [torch.zeros(0, 4, device=networks.device)], [torch.zeros(0, device=networks.device)]
    scale = SMALLEST_POSSIBLE / smallest
    while min(height, width) * scale >= SMALLEST_POSSIBLE:
        size = (round(width * scale), round(height * scale))
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        level = np.asarray(cv2.resize(image_rgb, size, interpolation=interpolation), dtype=np.uint8)
        offsets, probabilities = networks.proposal(_normalise(_to_tensor(level, networks.device)))
        face = probabilities[0, 1]
        row, column = (face >= threshold).nonzero(as_tuple=True)
        corner = torch.stack([column, row], dim=1) * float(_STRIDE)
        per_pixel = torch.tensor([width / size[0], height / size[1]], device=networks.device)
        cells = torch.cat([corner + 1, corner + SMALLEST_POSSIBLE], dim=1) * per_pixel.repeat(2)
        found = face[row, column]
        kept = nms(cells, found, 0.5)
        boxes.append(_shift_edges(cells[kept], offsets[0, :, row[kept], column[kept]].T))
        scores.append(found[kept])
        scale *= _PYRAMID_STEP
    all_boxes, all_scores = torch.cat(boxes), torch.cat(scores)
    return all_boxes[nms(all_boxes, all_scores, 0.7)[:_MAX_CANDIDATES]]


def _refine(
    network: nn.Module, pixels: torch.Tensor, boxes: torch.Tensor, *, size: int, threshold: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """A later stage: looks at each candidate (K, 4) again; the ones kept, moved, and their scores."""
    boxes = _squared(boxes)
    if len(boxes) == 0:
        return boxes, boxes.new_zeros(0)
    # Pixels outside the image are 0, that is black, which is what the networks were trained on.
    crops = roi_align(pixels, [boxes], size, sampling_ratio=-1, aligned=True)
    offsets, *_, probabilities = network(_normalise(crops))
    scores = probabilities[:, 1]
    kept = scores >= threshold
    return _shift_edges(boxes[kept], offsets[kept]), scores[kept]


def _to_tensor(image_rgb: npt.NDArray[np.uint8], device: torch.device) -> torch.Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) float32 in [0, 255]."""
    # A copy, for the caller's array may be read-only or a mirrored view, which tensors cannot be.
    return torch.from_numpy(image_rgb.copy()).to(device).permute(2, 0, 1)[None].float()


def _normalise(pixels: torch.Tensor) -> torch.Tensor:
    """[0, 255] -> about [-1, 1], channels last: up to three times as fast in these networks on CPUs."""
    return ((pixels - 127.5) / 128).contiguous(memory_format=torch.channels_last)


def _shift_edges(boxes: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """Moves each edge of (K, 4) boxes by its offset (K, 4), in fractions of the box's side."""
    sides = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    return boxes + offsets * sides


def _squared(boxes: torch.Tensor) -> torch.Tensor:
    """Squares around the centres of (K, 4) boxes, as large as their longer sides; empty ones are dropped."""
    sides = boxes[:, 2:] - boxes[:, :2]
    half = sides.amax(dim=1, keepdim=True) / 2
    center = (boxes[:, :2] + boxes[:, 2:]) / 2
    return torch.cat([center - half, center + half], dim=1)[half[:, 0] > 0]
