"""MTCNN's search of one image: three small networks in turn, each of which drops candidates.

Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks" (2016).
The networks and their weights are facenet-pytorch's, in torch or as ONNX. The search between them is our own.
The first network finds faces at any angle, though it was made for upright ones; the other two do not, and so
see each of its candidates turned, too.
"""

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import Crop
from face_alignment_3d.detection.oriented_boxes import OrientedBoxes, joined
from face_alignment_3d.detection.overlap import few_of_a_place, non_maximum_suppression
from face_alignment_3d.detection.proposals import propose
from face_alignment_3d.detection.resizing import Octaves, octave_for

#: Stage -> name of its network's file in a folder of graphs.
GRAPH_FILE_NAMES: Final[Mapping[str, str]] = {
    "proposal": "mtcnn-proposal.onnx",
    "refinement": "mtcnn-refinement.onnx",
    "output": "mtcnn-output.onnx",
}
REFINEMENT_SIZE: Final = 24
"""Side in pixels of what the second network sees."""
OUTPUT_SIZE: Final = 48
"""Side in pixels of what the third network sees."""
_FIRST_THRESHOLDS: Final = (0.6, 0.7)
"""The scores that a candidate needs to pass the first two stages, as published."""
SAMPLING: Final = 2
"""Each pixel of a cut-out candidate is the mean of up to so many image pixels, in x and in y."""
_MAX_TURNED: Final = 128
"""The number of candidates, best first, that are tried turned."""
_WORTH_TURNING: Final = 0.5
"""The second network's score at a quarter turn from which the turns between are tried too."""
_BATCHES: Final = (256, 128, 64, 32, 16, 8, 4, 2, 1)
"""Sizes of one run's batch. Other numbers are made up of these, so that few amounts of memory are needed."""
_OF_ONE_FACE: Final = 3
"""The number of candidates kept for one place, at different angles: their scores do not decide well."""
_SAME_PLACE: Final = 0.4
"""The intersection over union above which candidates are of the same place."""

_UPRIGHT: Final = ((slice(None), 0),)
"""All crops as they are."""

_Floats = npt.NDArray[np.float32]
_Network = Callable[[_Floats], tuple[_Floats, _Floats]]
#: Offsets (K, 4) and scores (K,) of K candidates.
StageOutput: TypeAlias = tuple[_Floats, _Floats]
#: The candidates of a photo, best first, and their scores (K,).
Found: TypeAlias = tuple[OrientedBoxes, npt.NDArray[np.float64]]


class StageInput(NamedTuple):
    """Candidates of one photo for the second or the third network."""

    octaves: Octaves
    """Of the photo."""
    squares: OrientedBoxes
    """The candidates to cut out, standing upright."""
    size: int
    """Side in pixels of what the network sees, which tells which network it is."""
    turned: "tuple[tuple[npt.NDArray[np.int64] | slice, int], ...]"
    """Crops to run, one behind the other, each with the quarters by which it is turned counterclockwise."""


class Networks(Protocol):
    """MTCNN's three networks in some runtime.

    Pixels are RGB in [0, 255], offsets in fractions of a box's side for each of its edges, scores in [0, 1].
    """

    def load(self, stages: Iterable[str]) -> None:
        """Loads networks, by the keys of :data:`GRAPH_FILE_NAMES`; others are loaded when they are used."""
        ...

    def propose(self, level: npt.NDArray[np.uint8]) -> tuple[_Floats, _Floats]:
        """(H, W, 3) pixels, at least 12 x 12 -> offsets (4, h, w), scores (h, w) of each 12 x 12 field."""
        ...

    def refine(self, crops: _Floats) -> tuple[_Floats, _Floats]:
        """(K, 24, 24, 3) pixels, K at least 1 -> offsets (K, 4) and scores (K,)."""
        ...

    def output(self, crops: _Floats) -> tuple[_Floats, _Floats]:
        """(K, 48, 48, 3) pixels, K at least 1 -> offsets (K, 4) and scores (K,)."""
        ...

    def run_stage(self, inputs: "Sequence[StageInput]") -> list[StageOutput]:
        """The outputs of the second and third network, together or one by one (:func:`run_on_cpu`)."""
        ...


def search_together(
    networks: Networks, searches: "Sequence[Generator[StageInput, StageOutput, Found]]"
) -> list[Found]:
    """The results of searches of several photos, whose stages are run together."""
    results: dict[int, Found] = {}
    waiting: dict[int, StageInput] = {}

    def go_on(index: int, output: StageOutput | None) -> None:
        try:
            # The first output that a generator is sent is None.
            waiting[index] = searches[index].send(output)  # type: ignore[arg-type]
        except StopIteration as end:
            results[index] = end.value

    for index in range(len(searches)):
        go_on(index, None)
    while waiting:
        indices, inputs = list(waiting), list(waiting.values())
        waiting.clear()
        for index, output in zip(indices, networks.run_stage(inputs), strict=True):
            go_on(index, output)
    return [results[index] for index in range(len(searches))]


def search(
    networks: Networks,
    image_rgb: npt.NDArray[np.uint8],
    *,
    smallest: float,
    last_threshold: float,
    any_angle: bool = True,
) -> Generator[StageInput, StageOutput, Found]:
    """Searches an (H, W, 3) uint8 image; yields the inputs of stages and is sent their outputs.

    ``smallest`` is the smallest side of a face in pixels; ``last_threshold`` the score that a face needs in
    the last stage. With ``any_angle`` heads are searched in steps of 45 degrees, and a face may be given up
    to three times, at different angles.
    """
    octaves = Octaves(image_rgb)
    proposed = propose(networks.propose, octaves, smallest=smallest, threshold=_FIRST_THRESHOLDS[0])
    candidates = OrientedBoxes.upright(proposed).squared()
    candidates = candidates[candidates.sides[:, 0] > 0]
    if any_angle:
        refined = yield from _refined_at_any_angle(octaves, candidates)
    else:
        offsets, scores = yield StageInput(octaves, candidates, REFINEMENT_SIZE, _UPRIGHT)
        refined, _ = _passed(candidates, offsets, scores, threshold=_FIRST_THRESHOLDS[1], overlap=0.6)
    squares = refined.squared()
    offsets, scores = yield StageInput(octaves, squares, OUTPUT_SIZE, _UPRIGHT)
    found, scores = _passed(squares, offsets, scores, threshold=last_threshold, overlap=_SAME_PLACE)
    kept = few_of_a_place(found.around(), scores, overlap=_SAME_PLACE, most=_OF_ONE_FACE)
    return found[kept], scores[kept].astype(np.float64)


def verify(
    networks: Networks, octaves: Sequence[Octaves], candidates: Sequence[OrientedBoxes]
) -> list[Found]:
    """The second and third network's view of candidates that another detector found, in several photos.

    ``candidates`` are MTCNN's boxes of level heads. Each comes back in its place, with its box corrected and
    the third network's score; none is dropped.
    """
    squares = [boxes.squared() for boxes in candidates]
    for size in (REFINEMENT_SIZE, OUTPUT_SIZE):
        inputs = [
            StageInput(of_photo, boxes, size, _UPRIGHT)
            for of_photo, boxes in zip(octaves, squares, strict=True)
        ]
        outputs = networks.run_stage(inputs)
        found = [boxes.moved(offsets) for boxes, (offsets, _) in zip(squares, outputs, strict=True)]
        squares = [boxes.squared() for boxes in found]
    return [(boxes, scores.astype(np.float64)) for boxes, (_, scores) in zip(found, outputs, strict=True)]


def _refined_at_any_angle(
    octaves: Octaves, candidates: OrientedBoxes
) -> Generator[StageInput, StageOutput, OrientedBoxes]:
    """The second stage: in quarter turns, and between them where one of these is like a face."""
    places = candidates.around()
    few = non_maximum_suppression(places, np.linspace(1, 0.5, len(places)), overlap=0.5)[:_MAX_TURNED]
    coarse = joined([candidates, *(candidates[few].turned(turn * math.pi / 2) for turn in (1, 2, 3))])
    offsets, scores = yield StageInput(
        octaves, candidates, REFINEMENT_SIZE, (*_UPRIGHT, *((few, turn) for turn in (1, 2, 3)))
    )
    of_few = np.concatenate([scores[few], scores[len(candidates) :]]).reshape(4, len(few))
    worth = few[of_few.max(axis=0) >= _WORTH_TURNING]
    diagonal = candidates[worth].turned(math.pi / 4)
    more_offsets, more_scores = yield StageInput(
        octaves, diagonal, REFINEMENT_SIZE, tuple((slice(None), turn) for turn in range(4))
    )
    fine = [candidates[worth].turned(turn * math.pi / 2 + math.pi / 4) for turn in range(4)]
    return _passed(
        joined([coarse, *fine]),
        np.concatenate([offsets, more_offsets]),
        np.concatenate([scores, more_scores]),
        threshold=_FIRST_THRESHOLDS[1],
        overlap=0.6,
    )[0]


def run_on_cpu(networks: Networks, stage_input: StageInput) -> StageOutput:
    """The output of the network that ``stage_input`` is for, with crops made on the CPU."""
    crops = _cut_out(stage_input.octaves, stage_input.squares, stage_input.size)
    turned = [np.rot90(crops[which], turn, axes=(1, 2)) for which, turn in stage_input.turned]
    network = networks.refine if stage_input.size == REFINEMENT_SIZE else networks.output
    return _run(network, turned[0] if len(turned) == 1 else np.concatenate(turned))


def _run(network: _Network, crops: _Floats) -> tuple[_Floats, _Floats]:
    """Offsets (K, 4) and scores (K,) of K crops, which may be 0."""
    outputs = [(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))]
    start = 0
    while start < len(crops):
        size = next((size for size in _BATCHES if size <= len(crops) - start), _BATCHES[-1])
        batch = crops[start : start + size]
        filled = np.concatenate([batch, np.zeros((size - len(batch), *batch.shape[1:]), batch.dtype)])
        offsets, scores = network(np.ascontiguousarray(filled))
        outputs.append((offsets[: len(batch)], scores[: len(batch)]))
        start += size
    all_offsets, all_scores = zip(*outputs, strict=True)
    return np.concatenate(all_offsets), np.concatenate(all_scores)


def _cut_out(octaves: Octaves, squares: OrientedBoxes, size: int) -> _Floats:
    """The contents of K squares, turned upright: (K, size, size, 3); black beyond the image.

    Averaging all pixels of large squares would take longer than the networks and change hardly anything.
    """
    crops = np.empty((len(squares), size, size, 3), dtype=np.float32)
    for crop, (octave, window) in zip(crops, windows_on(squares, size), strict=True):
        fine = window.sample(octaves[octave])
        crop[...] = cv2.resize(fine, (size, size), interpolation=cv2.INTER_AREA)
    return crops


def windows_on(squares: OrientedBoxes, size: int) -> Iterator[tuple[int, Crop]]:
    """The octave of the image to sample for each of K squares, and the window there, finer than ``size``."""
    samples = SAMPLING * size
    for (x, y), side, roll in zip(
        squares.centers.tolist(), squares.sides[:, 0].tolist(), squares.rolls.tolist(), strict=True
    ):
        octave = octave_for(max(1.0, side / samples))
        smaller = 2.0**octave
        yield octave, Crop(x / smaller - 0.5, y / smaller - 0.5, side / smaller, samples, roll)


def _passed(
    squares: OrientedBoxes, offsets: _Floats, scores: _Floats, *, threshold: float, overlap: float
) -> tuple[OrientedBoxes, _Floats]:
    """The candidates that a later stage keeps, with their boxes corrected, and the scores; best first.

    Of those at one angle none overlaps a better one by more than ``overlap`` (intersection over union).
    """
    enough = scores >= threshold
    boxes, scores = squares[enough].moved(offsets[enough]), scores[enough]
    kept = non_maximum_suppression(boxes.around(), scores, overlap=overlap, groups=boxes.rolls)
    boxes, scores = boxes[kept], scores[kept]
    whole = boxes.sides.min(axis=1, initial=np.inf) > 0
    return boxes[whole], scores[whole]
