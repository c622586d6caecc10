"""The association of tracks and detections: pure functions of boxes, distances and similarities.

Tracks and faces are indices here; the caller acts on what comes back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.video.config import TrackerConfig

_FORBIDDEN: Final = 1e6

Box = npt.NDArray[np.floating]
#: (track, face) -> similarity in [-1, 1].
Similarity = Callable[[int, int], float]


def box_overlap(first: Box, second: Box) -> float:
    """Intersection over union of two boxes (4,) x0, y0, x1, y1; in [0, 1]."""
    # In plain numbers: NumPy takes ten times as long for so few.
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = first.tolist(), second.tolist()
    shared = max(min(ax1, bx1) - max(ax0, bx0), 0.0) * max(min(ay1, by1) - max(ay0, by0), 0.0)
    areas = (ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0)
    return float(shared / max(areas - shared, 1e-9))


def overlaps_any(box: Box, others: Sequence[Box], *, above: float) -> bool:
    """True if ``box`` overlaps with one of ``others`` by more than ``above``."""
    return any(box_overlap(box, other) > above for other in others)


def match(costs: Sequence[Sequence[float | None]]) -> list[tuple[int, int]]:
    """Pairs (row, column), at most one for each, as many as possible and then of least total cost.

    ``costs`` has None for pairs that cannot be.
    """
    if not costs or not costs[0]:
        return []
    from scipy.optimize import linear_sum_assignment  # Kept out of the library's import.

    table = np.array([[_FORBIDDEN if cost is None else cost for cost in row] for row in costs])
    rows, columns = linear_sum_assignment(table)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(row, column) for row, column in pairs if table[row, column] < _FORBIDDEN]


def tracks_behind_others(
    boxes: Sequence[Box], misfit: Callable[[int], float], config: TrackerConfig
) -> list[int]:
    """The tracks to be marked as lost, since another track is on the same face and fits it better.

    Where a face goes behind another, both tracks end on the one in front. ``boxes`` are those of the faces,
    ``misfit`` says how badly a track's own face fits it.
    """
    lost: list[int] = []
    for i in range(len(boxes)):
        for j in range(i):
            both = i not in lost and j not in lost
            if both and box_overlap(boxes[i], boxes[j]) > config.same_face_overlap:
                lost.append(i if misfit(i) > misfit(j) else j)
    return lost


def uncross(boxes: Sequence[Box], similarity: Similarity, config: TrackerConfig) -> list[int]:
    """Assigns faces to tracks again, by similarity, where faces that overlap may have been mixed up.

    ``boxes`` are those of the faces, of which each track had the one of its own index.
    """
    faces = list(range(len(boxes)))
    for i in range(len(faces)):
        for j in range(i):
            face_i, face_j = faces[i], faces[j]
            if box_overlap(boxes[face_i], boxes[face_j]) > config.in_the_way_overlap:
                own = similarity(i, face_i) + similarity(j, face_j)
                crossed = similarity(i, face_j) + similarity(j, face_i)
                if crossed > own + 2 * config.swap_margin:
                    faces[i], faces[j] = face_j, face_i
    return faces


@dataclass(frozen=True)
class DetectionMatch:
    """The result of matching tracked faces and detections, by index."""

    confirmed: list[tuple[int, int]]
    """Pairs (tracked face, detection of it)."""
    unconfirmed: list[int]
    """Tracked faces of doubtful confidence that were not detected."""
    unmatched: list[int]
    """Detections of no tracked face."""


def match_detections(
    tracked: Sequence[Box], confidences: Sequence[float], detected: Sequence[Box], config: TrackerConfig
) -> DetectionMatch:
    """Tracked faces, with their mean ``confidences``, and detections that are of the same face."""
    costs: list[list[float | None]] = []
    for box in tracked:
        overlaps = [box_overlap(box, other) for other in detected]
        costs.append([1 - o if o > config.same_detection_overlap else None for o in overlaps])
    confirmed = match(costs)
    rows, columns = {row for row, _ in confirmed}, {column for _, column in confirmed}
    unconfirmed = [
        row for row, value in enumerate(confidences) if row not in rows and value < config.doubtful_confidence
    ]
    kept = [box for row, box in enumerate(tracked) if row not in unconfirmed]
    unmatched = [
        column
        for column, box in enumerate(detected)
        if column not in columns and all(box_overlap(box, other) < config.covered_overlap for other in kept)
    ]
    return DetectionMatch(confirmed, unconfirmed, unmatched)


@dataclass(frozen=True)
class ReturnCandidate:
    """A lost track, as the possible identity of a detection."""

    distance: float
    """The distance of the detection from where the face may be, in [0, 1]."""
    similarity: float
    """The similarity of the embeddings, in [-1, 1]."""
    lost_for: float
    """Seconds since it was lost."""
    doubted_for: float
    """Seconds for which it has been in doubt."""


@dataclass(frozen=True)
class Reidentification:
    """The result of matching lost tracks and detections, by index."""

    returned: list[tuple[int, int]]
    """Pairs (lost track, detection of it)."""
    waiting: set[int]
    """Detections that are not to be new tracks yet, since they may be of a lost one."""
    doubted: set[int]
    """Lost tracks that are in doubt."""


def reidentify(
    candidates: Sequence[Mapping[int, ReturnCandidate]],
    covered: Sequence[bool],
    num_lost: int,
    config: TrackerConfig,
) -> Reidentification:
    """Matches detections with the lost tracks that they may be of.

    ``candidates`` are, for each detection, the lost tracks that it may be of; ``covered`` is True for
    detections that something may partly hide; ``num_lost`` is the number of lost tracks.
    """
    costs: list[list[float | None]] = [[None] * len(candidates) for _ in range(num_lost)]
    waiting: set[int] = set()
    undecided: list[tuple[int, int]] = []
    for column, (tracks, is_covered) in enumerate(zip(candidates, covered, strict=True)):
        least = config.covered_similarity if is_covered else config.return_similarity
        best, *others = [*sorted((c.similarity for c in tracks.values()), reverse=True), -1.0]
        if is_covered and others and best < max(least, others[0] + config.swap_margin):
            waiting.add(column)
            continue
        for row, candidate in tracks.items():
            is_long_lost = candidate.lost_for > config.long_lost_seconds
            may_clear_up = candidate.lost_for < config.undecided_seconds
            unlike = config.return_similarity - config.swap_margin
            if candidate.similarity >= (config.long_lost_similarity if is_long_lost else least):
                costs[row][column] = candidate.distance + 2 * (1 - candidate.similarity)
            elif candidate.similarity >= (config.covered_similarity if may_clear_up else unlike):
                undecided.append((row, column))
    returned = match(costs)
    rows, columns = {row for row, _ in returned}, {column for _, column in returned}
    doubted: set[int] = set()
    for row, column in undecided:
        if row not in rows and column not in columns:
            doubted.add(row)
            if candidates[column][row].doubted_for < config.undecided_seconds:
                waiting.add(column)
    return Reidentification(returned, waiting, doubted)
