"""Checks of the network's results: each must be a face, at a possible place, and stay there."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around
from face_alignment_3d.face import Face3D
from face_alignment_3d.video.alignment import FrameAligner, align_at, placement_of
from face_alignment_3d.video.association import overlaps_any
from face_alignment_3d.video.config import TrackerConfig
from face_alignment_3d.video.motion import face_size
from face_alignment_3d.video.track import Track

Image = npt.NDArray[np.uint8]


def confidence_of(face: Face3D) -> float:
    """The mean confidence of the face's points, in [0, 1]."""
    return float(face.confidence.mean())


def boxes_of(faces: Iterable[Face3D]) -> list[npt.NDArray[np.float32]]:
    """The boxes (4,) around the landmarks of ``faces``."""
    return [box_around(face.landmarks) for face in faces]


def is_face(face: Face3D, image_rgb: Image, *, min_confidence: float, config: TrackerConfig) -> bool:
    """True if ``face`` is a face that is visible in ``image_rgb`` (H, W, 3)."""
    if not np.isfinite(face.landmarks).all() or confidence_of(face) < min_confidence:
        return False
    x0, y0, x1, y1 = box_around(face.landmarks).tolist()
    width, height = x1 - x0, y1 - y0
    if min(width, height) <= 0 or max(width, height) < config.min_size:
        return False
    right, bottom = image_rgb.shape[1] - 1, image_rgb.shape[0] - 1
    inside_x = min(max(x1, 0), right) - min(max(x0, 0), right)
    inside_y = min(max(y1, 0), bottom) - min(max(y0, 0), bottom)
    return bool(inside_x * inside_y >= config.min_visible * width * height)


def continues(track: Track, face: Face3D, image_rgb: Image, time: float, config: TrackerConfig) -> bool:
    """True if ``face`` is plausible as the next state of ``track``.

    It must be a face, at a place and of a size that the track's face can have by now; after a long jump it
    must also look the same.
    """
    if not is_face(face, image_rgb, min_confidence=config.min_confidence, config=config):
        return False
    is_doubtful = confidence_of(face) < config.doubtful_confidence
    innovation = track.innovation(face, time)
    if innovation >= (config.max_doubtful_jump if is_doubtful else config.max_jump):
        return False
    if innovation <= config.max_unchecked_jump:
        return True
    return track.similarity(face, image_rgb) >= config.return_similarity


def continuing_after_cut(
    followed: Sequence[tuple[Track, Face3D]],
    detections: Sequence[Face3D],
    image_rgb: Image,
    config: TrackerConfig,
) -> list[tuple[Track, Face3D]]:
    """Those of ``followed`` that go on although the frame looks like a cut: detected as well, and alike."""
    boxes = [face.box for face in detections]
    return [
        (track, face)
        for track, face in followed
        if overlaps_any(face.box, boxes, above=config.same_detection_overlap)
        and track.similarity(face, image_rgb) > config.cut_similarity
    ]


def return_distance(lost: Track, face: Face3D, time: float, config: TrackerConfig) -> float | None:
    """The distance of ``face`` from where a lost one may be, in [0, 1]; None where it cannot be that."""
    reach = config.return_distance + config.return_speed * lost.lost_for(time)
    distance = lost.path_distance(face, time) / reach
    return None if distance > 1 or lost.size_ratio(face) > config.return_size_ratio else distance


def settled_detections(
    aligner: FrameAligner,
    detections: Sequence[Face3D],
    tracked: Sequence[Face3D],
    image_rgb: Image,
    config: TrackerConfig,
) -> list[tuple[Face3D, bool]]:
    """The detections that are faces, each with True if something may partly hide it.

    Where one face is partly behind another, such as one of ``tracked``, the network may find landmarks
    between the two. When it aligns the face again, starting there, it moves on to the face in front: such
    detections are dropped.
    """
    covered = may_be_covered(detections, tracked, config)
    doubtful = [face for face, is_covered in zip(detections, covered, strict=True) if is_covered]
    again = iter(align_at(aligner, image_rgb, [placement_of(face) for face in doubtful]))
    return [
        (face, is_covered)
        for face, is_covered in zip(detections, covered, strict=True)
        if not is_covered or is_settled(face, next(again), image_rgb, config)
    ]


def is_settled(face: Face3D, again: Face3D, image_rgb: Image, config: TrackerConfig) -> bool:
    """True if ``again``, from an alignment at the placement of ``face``, is a face, and at that place."""
    if not is_face(again, image_rgb, min_confidence=config.min_new_confidence, config=config):
        return False
    first, second = (np.asarray(f.landmarks, np.float64)[:, :2] for f in (face, again))
    moved = float(np.linalg.norm(second.mean(axis=0) - first.mean(axis=0)))
    return moved < config.max_settling * face_size(first)


def may_be_covered(faces: Sequence[Face3D], others: Sequence[Face3D], config: TrackerConfig) -> list[bool]:
    """For each of ``faces``: True if one of ``others``, or another of ``faces``, may partly hide it."""
    boxes = boxes_of([*faces, *others])
    return [
        confidence_of(face) < config.plain_confidence
        or overlaps_any(boxes[index], boxes[:index] + boxes[index + 1 :], above=config.in_the_way_overlap)
        for index, face in enumerate(faces)
    ]
