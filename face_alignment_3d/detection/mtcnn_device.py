"""The later stages of MTCNN's search on a device: candidates of all photos are cut out there at once."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from face_alignment_3d.backends.device_crops import sample_windows
from face_alignment_3d.detection.mtcnn_stages import REFINEMENT_SIZE, SAMPLING, StageInput, StageOutput
from face_alignment_3d.detection.oriented_boxes import OrientedBoxes

#: Pixels of crops, as sampled, that are in the works together: they need about 100 bytes each.
_MOST_PIXELS: Final = 8_000_000


def run_on_device(
    refinement: nn.Module, output: nn.Module, inputs: Sequence[StageInput], device: torch.device
) -> list[StageOutput]:
    """The outputs of the second and third network for candidates of several photos.

    The networks are those of :class:`.mtcnn_torch.CandidateStage`, on ``device``. Within the rounding of
    pixels the outputs are those of :func:`.mtcnn_stages.run_on_cpu`.
    """
    outputs: dict[int, StageOutput] = {}
    for size in {each.size for each in inputs}:
        same = [index for index, each in enumerate(inputs) if each.size == size]
        network = refinement if size == REFINEMENT_SIZE else output
        outputs |= zip(same, _outputs(network, [inputs[index] for index in same], size, device), strict=True)
    return [outputs[index] for index in range(len(inputs))]


def _outputs(
    network: nn.Module, inputs: Sequence[StageInput], size: int, device: torch.device
) -> Iterator[StageOutput]:
    crops = _cut_out(inputs, size, device)
    rows, turns, counts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], []
    first = 0
    for each in inputs:
        seen = [np.arange(len(each.squares))[which] for which, _ in each.turned]
        rows += [first + which for which in seen]
        turns += [np.full(len(which), turn) for which, (_, turn) in zip(seen, each.turned, strict=True)]
        counts.append(sum(map(len, seen)))
        first += len(each.squares)
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


def _cut_out(inputs: Sequence[StageInput], size: int, device: torch.device) -> torch.Tensor:
    """The contents of all squares of all inputs, turned upright: (K, size, size, 3) uint8."""
    images: list[npt.NDArray[np.uint8]] = []
    numbers = []
    first = 0
    for each in inputs:
        octaves = _octaves_for(each, size)
        of_photo = np.empty((len(octaves), 10))
        for octave in np.unique(octaves).tolist():
            image = each.octaves[octave]
            height, width = image.shape[:2]
            same = octaves == octave
            of_photo[same, :6] = _matrices(each.squares[same], 2.0**octave, size)
            of_photo[same, 6:] = first, width, width - 1, height - 1
            images.append(image.reshape(-1, 3))
            first += height * width
        numbers.append(of_photo)
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


def _octaves_for(each: StageInput, size: int) -> npt.NDArray[np.int64]:
    """(K,): as :func:`.resizing.octave_for`."""
    reductions = each.squares.sides[:, 0] / (SAMPLING * size)
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
