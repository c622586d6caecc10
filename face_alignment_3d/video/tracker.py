"""Frames in, faces with identities out."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.blendshapes.estimator import BlendshapeEstimator
from face_alignment_3d.crop import box_around
from face_alignment_3d.face import Face3D
from face_alignment_3d.images import ColorOrder, ImageLike, as_rgb
from face_alignment_3d.video.cuts import CutDetector
from face_alignment_3d.video.face_size import size_of
from face_alignment_3d.video.leveling import FrameAligner, align_at, whereabouts_of
from face_alignment_3d.video.matching import cheapest_pairs, overlap
from face_alignment_3d.video.smoothing import Smoothing
from face_alignment_3d.video.track import Track
from face_alignment_3d.video.tracked_face import TrackedFace3D

__all__ = ["FrameAligner", "VideoAligner3D"]

Image = npt.NDArray[np.uint8]

# Mean confidence over a face's points. With the `lite` weights, over 40 photos of HELEN's training part: 0.56
# and more for faces in plain view, 0.33 to 0.62 where half of the face is covered, 0.04 and less where all
# is, below 0.4 for boxes that miss the face by 0.6 of its size.
_GONE: Final = 0.3
_NEW: Final = 0.4
#: Below this a face has to be found by the detector as well, when that runs.
_DOUBTFUL: Final = 0.45
#: Below this a face that is found may be half covered.
_PLAIN: Final = 0.5

#: A face that is this far from where it was expected, in its sizes, is another one.
_FARTHEST_JUMP: Final = 0.6
#: The same where the network is in doubt: it is between this face and one that has come before it.
_FARTHEST_DOUBTFUL_JUMP: Final = 0.2
#: One that leaps this far must look the same: it may be one that has come before it at once.
_LEAP: Final = 0.2
#: Two tracks are on the same face when their boxes overlap by this much.
_SAME_FACE: Final = 0.5
#: A face is found only where others cover less than about half of it: this much overlap of boxes of one size.
_HALF_COVERED: Final = 1 / 3
#: A detection is of a face that is tracked when the boxes overlap by this much.
_SAME_DETECTION: Final = 0.3
#: Boxes that overlap by more than this are of faces that are in each other's way.
_IN_THE_WAY: Final = 0.02
#: A face that moves by more than this, in its sizes, when it is looked at again, was partly another one.
_SETTLED: Final = 0.08
#: How far from the expected place a lost face may return: this many sizes at once, and more with each second.
_RETURN_DISTANCE: Final = (0.8, 1.5)
_RETURN_SIZE_RATIO: Final = 1.8
#: Least likeness of a face that returns to plain view; of one that another one may still cover in part; and
#: of one that goes on after what looks like a cut.
_RETURN_LIKENESS: Final = 0.7
_COVERED_LIKENESS: Final = 0.35
_CUT_LIKENESS: Final = 0.85
#: A face that was lost for more than these seconds can be anywhere, so it must look the same beyond doubt.
_LONG_GONE: Final = 10.0
_LONG_GONE_LIKENESS: Final = 0.85
#: Seconds for which a face that is found where one was lost, and looks neither like it nor unlike it, waits
#: until that is clearer: it may still come out from behind another.
_UNDECIDED: Final = 2.0
#: By how much more a face must look like another track than like its own to be given to it; and a covered one
#: like one lost track than like the others.
_MISTAKEN: Final = 0.15
#: Seconds by which time stamps may be off.
_ROUNDING: Final = 0.0005
#: Pixels; a smaller face has nothing in it to track.
_SMALLEST: Final = 10.0
#: Share of a face's box that is within the frame.
_LEAST_VISIBLE: Final = 0.3


class VideoAligner3D:
    """Follows the faces of one video or camera: stable identities, calm landmarks, any number of faces.

    ``aligner`` does the work on single frames: a :class:`face_alignment_3d.FaceAligner3D`, or anything with
    its ``detect`` and ``detect_batch`` and, if faces are to have blendshapes, its ``blendshape_estimator``.
    It may be shared; all state is in this object, which is for one video and one thread.

    A face that is tracked gets its box from where its landmarks were and how they moved. The network looks at
    it every ``alignment_interval`` seconds, and at once when it does not move as a rigid body: between looks
    its landmarks are carried on by optical flow; 0 has the network look at every frame. The detector runs
    every ``detection_interval`` seconds to find new faces, and at once when a face is lost, after a cut and,
    every ``redetection_interval`` seconds, while a face is lost or there is none. A lost face keeps its
    identity for ``max_lost_seconds`` seconds: it comes back with it where it is found again near where it
    should be and looks the same. Faces that are lost are not returned.

    ``smooth``: True, False, or a :class:`Smoothing` with settings of one's own. ``fps`` is the frame rate for
    frames without time stamps.

    Raises ValueError for durations or a frame rate that are not above 0, and an ``alignment_interval`` below
    0.
    """

    def __init__(
        self,
        aligner: FrameAligner,
        *,
        smooth: bool | Smoothing = True,
        alignment_interval: float = 0.1,
        detection_interval: float = 1.0,
        redetection_interval: float = 0.2,
        max_lost_seconds: float = 30.0,
        fps: float = 30.0,
    ) -> None:
        durations = {
            "detection_interval": detection_interval,
            "redetection_interval": redetection_interval,
            "max_lost_seconds": max_lost_seconds,
        }
        for name, value in {**durations, "fps": fps}.items():
            if not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{name} must be above 0 and finite; got {value}")
        if not (alignment_interval >= 0 and math.isfinite(alignment_interval)):
            raise ValueError(f"alignment_interval must be finite and at least 0; got {alignment_interval}")
        self._aligner = aligner
        self._smoothing = (Smoothing() if smooth else None) if isinstance(smooth, bool) else smooth
        self._alignment_interval = alignment_interval
        self._detection_interval, self._redetection_interval, self._max_lost_seconds = (
            detection_interval,
            redetection_interval,
            max_lost_seconds,
        )
        self._fps = fps
        self._next_id = 0
        self._time: float | None = None
        self.reset()

    def reset(self) -> None:
        """Forgets all faces, for another video; identities go on being counted, time starts anew."""
        self._tracks: list[Track] = []
        self._cuts = CutDetector()
        self._detected_at = -math.inf
        self._size: tuple[int, ...] | None = None
        self._time = None

    def track(
        self, frame: ImageLike, *, time: float | None = None, color: ColorOrder = "rgb"
    ) -> list[TrackedFace3D]:
        """The faces to be seen in the next frame, by ``track_id``; an empty list when there is none.

        ``frame`` and ``color`` are as of :meth:`face_alignment_3d.FaceAligner3D.detect`. ``time`` is the
        frame's time stamp in seconds, from any origin; None is ``1 / fps`` after the last frame. Rates may
        vary. Coordinates are pixels of the frame; see :class:`face_alignment_3d.Face3D`.

        Raises :class:`ImageError` for what is no image and ValueError for a time that does not rise.
        """
        image_rgb = as_rgb(frame, color=color)
        time = self._checked_time(time)
        if image_rgb.shape != self._size:
            self._tracks, self._cuts, self._detected_at = [], CutDetector(), -math.inf
            self._size = image_rgb.shape
        self._time = time
        cut = self._cuts.is_cut(image_rgb)

        self._tracks = [track for track in self._tracks if not self._is_too_old(track, time)]
        seen = self._follow(image_rgb, time, carry=not cut)
        if cut:
            found = self._detect(image_rgb, time)
            seen = self._after_cut(seen, found, image_rgb)
        elif self._should_detect(time):
            found = self._detect(image_rgb, time)
        else:
            found = []
        found = self._confirm(seen, found, time) if found or self._detected_at == time else []
        found, covered = self._settled(found, seen, image_rgb)
        returned, in_doubt = self._returned(found, covered, image_rgb, time)
        self._see(seen, returned, image_rgb, time)
        known = [*in_doubt, *(face for _, face in returned)]
        self._add_new([face for face in found if all(face is not other for other in known)], image_rgb, time)
        faces = [track.face for track in self._tracks if track.hidden_since is None]
        # Of the smoothed points, not of those that the aligner found.
        estimator: BlendshapeEstimator | None = getattr(self._aligner, "blendshape_estimator", None)
        return faces if estimator is None else [estimator.annotate(face) for face in faces]

    def _checked_time(self, time: float | None) -> float:
        if time is None:
            return 0.0 if self._time is None else self._time + 1 / self._fps
        if not math.isfinite(time) or (self._time is not None and not time > self._time):
            raise ValueError(
                f"time must be in seconds and rise from frame to frame; got {time} after {self._time}. "
                "Call reset() before another video"
            )
        return float(time)

    def _is_too_old(self, track: Track, time: float) -> bool:
        return track.hidden_for(time) > self._max_lost_seconds

    def _follow(self, image_rgb: Image, time: float, *, carry: bool) -> list[tuple[Track, Face3D]]:
        """The tracked faces that are where they should be; the others are hidden."""
        tracks = [track for track in self._tracks if track.hidden_since is None]
        carried = [self._carried(track, image_rgb, time) if carry else None for track in tracks]
        unclear = [track for track, face in zip(tracks, carried, strict=True) if face is None]
        looks = iter(align_at(self._aligner, image_rgb, [track.expected(time) for track in unclear]))
        seen = []
        for track, face in zip(tracks, carried, strict=True):
            if face is None:
                look = next(looks)
                is_there = _is_face(look, image_rgb.shape, least_confidence=_GONE)
                face = look if is_there and _goes_on(track, look, image_rgb, time) else None
            if face is None:
                self._lose(track, time)
            else:
                seen.append((track, face))
        return self._one_track_a_face(seen, image_rgb, time)

    def _carried(self, track: Track, image_rgb: Image, time: float) -> Face3D | None:
        """The face as optical flow has it; None when it is time for the network to look, or something is."""
        is_due = time - track.looked_at >= self._alignment_interval - _ROUNDING
        if is_due and self._smoothing is None:
            return None
        face = track.carry(image_rgb, time)
        if is_due:
            return None  # The track keeps it: smoothing weighs the look against it.
        return face if face is not None and _is_face(face, image_rgb.shape, least_confidence=_GONE) else None

    def _one_track_a_face(
        self, seen: list[tuple[Track, Face3D]], image_rgb: Image, time: float
    ) -> list[tuple[Track, Face3D]]:
        """Where a face went behind another, both tracks end on the one in front: the other is hidden."""
        boxes = [box_around(face.landmarks) for _, face in seen]
        keep = [True] * len(seen)
        for i in range(len(seen)):
            for j in range(i):
                if keep[i] and keep[j] and overlap(boxes[i], boxes[j]) > _SAME_FACE:
                    misfits = [
                        seen[k][0].surprise(seen[k][1], time)
                        + 1
                        - seen[k][0].resembles(seen[k][1], image_rgb)
                        for k in (i, j)
                    ]
                    loser = i if misfits[0] > misfits[1] else j
                    keep[loser] = False
                    self._lose(seen[loser][0], time)
        kept_pairs = [pair for pair, kept in zip(seen, keep, strict=True) if kept]
        return self._put_right(kept_pairs, image_rgb, time)

    def _put_right(
        self, seen: list[tuple[Track, Face3D]], image_rgb: Image, time: float
    ) -> list[tuple[Track, Face3D]]:
        """Faces that were in each other's way may have been mixed up; their looks tell."""
        pairs = list(seen)
        for i in range(len(pairs)):
            for j in range(i):
                (a, face_a), (b, face_b) = pairs[i], pairs[j]
                if overlap(box_around(face_a.landmarks), box_around(face_b.landmarks)) > _IN_THE_WAY:
                    own = a.resembles(face_a, image_rgb) + b.resembles(face_b, image_rgb)
                    crossed = a.resembles(face_b, image_rgb) + b.resembles(face_a, image_rgb)
                    if crossed > own + 2 * _MISTAKEN:
                        pairs[i], pairs[j] = (a, face_b), (b, face_a)
        for lost in [track for track in self._tracks if track.hidden_since is not None]:
            for i, (track, face) in enumerate(pairs):
                if _distance(lost, face, time) is None:
                    continue
                likeness = lost.resembles(face, image_rgb)
                if likeness > max(_RETURN_LIKENESS, track.resembles(face, image_rgb) + _MISTAKEN):
                    self._lose(track, time)
                    pairs[i] = (lost, face)
                    break
        return pairs

    def _lose(self, track: Track, time: float) -> None:
        track.hide(time)
        self._detected_at = -math.inf  # Look for it at once.

    def _should_detect(self, time: float) -> bool:
        is_complete = bool(self._tracks) and all(track.hidden_since is None for track in self._tracks)
        wait = self._detection_interval if is_complete else self._redetection_interval
        return time - self._detected_at >= wait - _ROUNDING

    def _detect(self, image_rgb: Image, time: float) -> list[Face3D]:
        self._detected_at = time
        found = self._aligner.detect(image_rgb)
        return [face for face in found if _is_face(face, image_rgb.shape, least_confidence=_NEW)]

    def _after_cut(
        self, seen: list[tuple[Track, Face3D]], found: Sequence[Face3D], image_rgb: Image
    ) -> list[tuple[Track, Face3D]]:
        """What goes on in spite of what looks like a cut; all else is forgotten."""
        still = []
        for track, face in seen:
            is_found = any(overlap(face.box, other.box) > _SAME_DETECTION for other in found)
            if is_found and track.resembles(face, image_rgb) > _CUT_LIKENESS:
                track.forget_motion()
                still.append((track, face))
        self._tracks = [track for track, _ in still]
        return still

    def _confirm(
        self, seen: list[tuple[Track, Face3D]], found: Sequence[Face3D], time: float
    ) -> list[Face3D]:
        """Takes note of tracked faces that were detected; returns the detections that are of none."""
        boxes = [box_around(face.landmarks) for face in found]
        pairs = []
        for _, face in seen:
            overlaps = [overlap(box_around(face.landmarks), box) for box in boxes]
            pairs.append([1 - o if o > _SAME_DETECTION else None for o in overlaps])
        matched = cheapest_pairs(pairs)
        for row, column in matched:
            seen[row][0].confirm(found[column])
        confirmed = {row for row, _ in matched}
        for row, (track, face) in reversed(list(enumerate(seen))):
            if row not in confirmed and float(face.confidence.mean()) < _DOUBTFUL:
                track.hide(time)
                del seen[row]
        boxes_seen = [box_around(face.landmarks) for _, face in seen]
        used = {column for _, column in matched}
        return [
            face
            for column, (face, box) in enumerate(zip(found, boxes, strict=True))
            if column not in used and all(overlap(box, other) < _HALF_COVERED for other in boxes_seen)
        ]

    def _settled(
        self, found: Sequence[Face3D], seen: Sequence[tuple[Track, Face3D]], image_rgb: Image
    ) -> tuple[list[Face3D], list[bool]]:
        """The detections that are faces, and whether something may be in their way.

        Where one face is partly behind another the network may see something between the two. Looked at
        again, from where that seemed to be, it moves on to the one in front.
        """
        now = [box_around(face.landmarks) for face in [*found, *(face for _, face in seen)]]
        covered = [
            float(found[i].confidence.mean()) < _PLAIN
            or any(overlap(now[i], now[j]) > _IN_THE_WAY for j in range(len(now)) if j != i)
            for i in range(len(found))
        ]
        places = [whereabouts_of(face) for face, is_covered in zip(found, covered, strict=True) if is_covered]
        again = iter(align_at(self._aligner, image_rgb, places))
        kept: list[tuple[Face3D, bool]] = []
        for face, is_covered in zip(found, covered, strict=True):
            if not is_covered or _is_where(face, next(again), image_rgb.shape):
                kept.append((face, is_covered))
        return [face for face, _ in kept], [is_covered for _, is_covered in kept]

    def _returned(
        self, found: Sequence[Face3D], covered: Sequence[bool], image_rgb: Image, time: float
    ) -> tuple[list[tuple[Track, Face3D]], list[Face3D]]:
        """Which of the detections are lost faces; and those that are one of them, but it is unclear which."""
        lost = [track for track in self._tracks if track.hidden_since is not None]
        costs: list[list[float | None]] = [[None] * len(found) for _ in lost]
        in_doubt = []
        undecided: set[tuple[int, int]] = set()
        for column, (face, is_covered) in enumerate(zip(found, covered, strict=True)):
            least = _COVERED_LIKENESS if is_covered else _RETURN_LIKENESS
            candidates = {
                row: (distance, track.resembles(face, image_rgb))
                for row, track in enumerate(lost)
                if (distance := _distance(track, face, time)) is not None
            }
            best, *others = [*sorted((like for _, like in candidates.values()), reverse=True), -1.0]
            if is_covered and others and best < max(least, others[0] + _MISTAKEN):
                in_doubt.append(face)
                continue
            for row, (distance, like) in candidates.items():
                hidden_for = lost[row].hidden_for(time)
                if like >= (least if hidden_for <= _LONG_GONE else _LONG_GONE_LIKENESS):
                    costs[row][column] = distance + 2 * (1 - like)
                elif like >= (_COVERED_LIKENESS if hidden_for < _UNDECIDED else _RETURN_LIKENESS - _MISTAKEN):
                    undecided.add((row, column))
        pairs = cheapest_pairs(costs)
        rows, columns = {row for row, _ in pairs}, {column for _, column in pairs}
        waiting = {
            column
            for row, column in undecided
            if row not in rows and column not in columns and lost[row].doubted_for(time) < _UNDECIDED
        }
        in_doubt += [found[column] for column in sorted(waiting)]
        return [(lost[row], found[column]) for row, column in pairs], in_doubt

    def _see(
        self,
        followed: Sequence[tuple[Track, Face3D]],
        returned: Sequence[tuple[Track, Face3D]],
        image_rgb: Image,
        time: float,
    ) -> None:
        now = [(track, face, False) for track, face in followed]
        now += [(track, face, True) for track, face in returned]
        there = {track.track_id: box_around(face.landmarks) for track, face, _ in now}
        for track in self._tracks:
            there.setdefault(track.track_id, track.expected(time).box)
        for track, face, detected in now:
            others = (box for track_id, box in there.items() if track_id != track.track_id)
            is_free = all(overlap(there[track.track_id], box) < _IN_THE_WAY for box in others)
            track.see(
                face,
                time=time,
                image_rgb=image_rgb if is_free else None,
                detected=detected,
                flow=self._alignment_interval > 0 and float(face.confidence.mean()) >= _PLAIN,
            )

    def _add_new(self, faces: Sequence[Face3D], image_rgb: Image, time: float) -> None:
        for face in faces:
            self._tracks.append(
                Track(self._next_id, face, time=time, image_rgb=image_rgb, smoothing=self._smoothing)
            )
            self._next_id += 1


def _is_face(face: Face3D, shape: tuple[int, ...], *, least_confidence: float) -> bool:
    """Whether there is a face to be seen in a frame of ``shape``, judging by what the network made of it."""
    if not np.isfinite(face.landmarks).all() or float(face.confidence.mean()) < least_confidence:
        return False
    box = box_around(face.landmarks)
    width, height = box[2:] - box[:2]
    if min(width, height) <= 0 or max(width, height) < _SMALLEST:
        return False
    inside = np.clip(box, 0, [shape[1] - 1, shape[0] - 1] * 2)
    return float(np.prod(inside[2:] - inside[:2])) >= _LEAST_VISIBLE * float(width * height)


def _goes_on(track: Track, face: Face3D, image_rgb: Image, time: float) -> bool:
    """Whether ``face`` is where that of ``track`` can be by now and, after a leap, looks like it."""
    is_doubtful = float(face.confidence.mean()) < _DOUBTFUL
    surprise = track.surprise(face, time)
    if surprise >= (_FARTHEST_DOUBTFUL_JUMP if is_doubtful else _FARTHEST_JUMP):
        return False
    return surprise <= _LEAP or track.resembles(face, image_rgb) >= _RETURN_LIKENESS


def _distance(lost: Track, face: Face3D, time: float) -> float | None:
    """How far ``face`` is from where a lost one may be, at most 1; None where it cannot be that one."""
    at_once, each_second = _RETURN_DISTANCE
    distance = lost.detour(face, time) / (at_once + each_second * lost.hidden_for(time))
    return None if distance > 1 or lost.size_ratio(face) > _RETURN_SIZE_RATIO else distance


def _is_where(face: Face3D, again: Face3D, shape: tuple[int, ...]) -> bool:
    """Whether ``again``, from a second look at the place of ``face``, is a face, and at that place."""
    if not _is_face(again, shape, least_confidence=_NEW):
        return False
    first, second = (np.asarray(f.landmarks, np.float64)[:, :2] for f in (face, again))
    moved = float(np.linalg.norm(second.mean(axis=0) - first.mean(axis=0)))
    return moved < _SETTLED * size_of(first)
