"""The later stages of MTCNN's search on a device: candidates of all photos are cut out there at once."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from face_alignment_3d.backends.device_crops import sample_windows
from face_alignment_3d.detection.mtcnn_stages import REFINEMENT_SIZE, SAMPLING, Answer, Look
from face_alignment_3d.detection.oriented_boxes import OrientedBoxes

#: Pixels of crops, as sampled, that are in the works together: they need about 100 bytes each.
_MOST_PIXELS: Final = 8_000_000


def look_together(
    refinement: nn.Module, output: nn.Module, looks: Sequence[Look], device: torch.device
) -> list[Answer]:
    """The answers of both networks to looks at candidates of several photos.

    The networks are those of :class:`.mtcnn_torch.CandidateStage`, on ``device``. Within the rounding of
    pixels the answers are those of :func:`.mtcnn_stages.look_at`.
    """
    answers: dict[int, Answer] = {}
    for size in {look.size for look in looks}:
        same = [index for index, look in enumerate(looks) if look.size == size]
        network = refinement if size == REFINEMENT_SIZE else output
        answers |= zip(same, _answers(network, [looks[index] for index in same], size, device), strict=True)
    return [answers[index] for index in range(len(looks))]


def _answers(network: nn.Module, looks: Sequence[Look], size: int, device: torch.device) -> Iterator[Answer]:
    crops = _cut_out(looks, size, device)
    rows, turns, counts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], []
    first = 0
    for look in looks:
        seen = [np.arange(len(look.squares))[which] for which, _ in look.turned]
        rows += [first + which for which in seen]
        turns += [np.full(len(which), turn) for which, (_, turn) in zip(seen, look.turned, strict=True)]
        counts.append(sum(map(len, seen)))
        first += len(look.squares)
    row, turn = np.concatenate(rows), np.concatenate(turns)
    offsets, scores = np.empty((len(row), 4), np.float32), np.empty(len(row), np.float32)
    for quarters in range(4):
        for some in _split(np.flatnonzero(turn == quarters), size):
            chosen = crops.index_select(0, torch.from_numpy(row[some]).to(device))
            found, sure = network(torch.rot90(chosen, quarters, (1, 2)))
            offsets[some], scores[some] = found.cpu().numpy(), sure.cpu().numpy()
    ends = np.cumsum(counts)
    for start, end in zip(ends - counts, ends, strict=True):
        yield offsets[start:end], scores[start:end]


def _cut_out(looks: Sequence[Look], size: int, device: torch.device) -> torch.Tensor:
    """The contents of all squares of all looks, turned upright: (K, size, size, 3) uint8."""
    images: list[npt.NDArray[np.uint8]] = []
    numbers = []
    first = 0
    for look in looks:
        octaves = _octaves_for(look, size)
        of_look = np.empty((len(octaves), 10))
        for octave in np.unique(octaves).tolist():
            image = look.octaves[octave]
            height, width = image.shape[:2]
            same = octaves == octave
            of_look[same, :6] = _matrices(look.squares[same], 2.0**octave, size)
            of_look[same, 6:] = first, width, width - 1, height - 1
            images.append(image.reshape(-1, 3))
            first += height * width
        numbers.append(of_look)
    crops = torch.empty((sum(map(len, numbers)), size, size, 3), dtype=torch.uint8, device=device)
    if not len(crops):
        return crops
    memory = torch.empty((first, 3), dtype=torch.uint8, device="cpu", pin_memory=device.type == "cuda")
    np.concatenate(images, out=memory.numpy())
    pixels = memory.to(device, non_blocking=True)
    places = torch.from_numpy(np.concatenate(numbers)).to(device)
    for some in _split(np.arange(len(crops)), size):
        chosen = slice(int(some[0]), int(some[-1]) + 1)
        fine = sample_windows(pixels, places[chosen], SAMPLING * size)
        totals = fine.view(-1, size, SAMPLING, size, SAMPLING, 3).sum(dim=(2, 4), dtype=torch.int32)
        crops[chosen] = ((totals + SAMPLING**2 // 2) // SAMPLING**2).to(torch.uint8)
    return crops


def _octaves_for(look: Look, size: int) -> npt.NDArray[np.int64]:
    """(K,): as :func:`.octaves.octave_for`."""
    reductions = look.squares.sides[:, 0] / (SAMPLING * size)
    return np.floor(np.log2(np.maximum(1.0, reductions))).astype(np.int64)


def _matrices(squares: OrientedBoxes, smaller: float, size: int) -> npt.NDArray[np.float64]:
    """(K, 6) matrices from pixels of the crops, as sampled, to those of an octave, as :class:`.crop.Crop`."""
    samples = SAMPLING * size
    scale = squares.sides[:, 0] / smaller / samples
    cosine, sine = np.cos(squares.rolls) * scale, np.sin(squares.rolls) * scale
    x, y = squares.centers.T / smaller - 0.5
    middle = (samples - 1) / 2
    columns = (cosine, -sine, x - (cosine - sine) * middle, sine, cosine, y - (sine + cosine) * middle)
    return np.stack(columns, axis=1)


def _split(indices: npt.NDArray[np.int64], size: int) -> Iterator[npt.NDArray[np.int64]]:
    most = max(1, _MOST_PIXELS // (SAMPLING * size) ** 2)
    for start in range(0, len(indices), most):
        yield indices[start : start + most]
