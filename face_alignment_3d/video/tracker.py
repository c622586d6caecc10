"""The tracker: takes frames, returns faces with identities."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from face_alignment_3d.blendshapes.estimator import BlendshapeEstimator
from face_alignment_3d.crop import box_around
from face_alignment_3d.face import Face3D
from face_alignment_3d.image_batches import require_at_least_1
from face_alignment_3d.images import ColorOrder, ImageLike, as_rgb
from face_alignment_3d.video.alignment import FrameAligner, align_at
from face_alignment_3d.video.association import (
    ReturnCandidate,
    box_overlap,
    match_detections,
    reidentify,
    tracks_behind_others,
    uncross,
)
from face_alignment_3d.video.config import TrackerConfig
from face_alignment_3d.video.motion import face_size
from face_alignment_3d.video.plausibility import (
    boxes_of,
    confidence_of,
    continues,
    continuing_after_cut,
    is_face,
    return_distance,
    settled_detections,
)
from face_alignment_3d.video.schedule import CutDetector, Schedule, require_positive
from face_alignment_3d.video.smoothing import Smoothing
from face_alignment_3d.video.track import Track
from face_alignment_3d.video.tracked_face import TrackedFace3D

Image = npt.NDArray[np.uint8]
TrackFaces = list[tuple[Track, Face3D]]


class VideoAligner3D:
    """Tracks the faces of one video or camera: stable identities, smooth landmarks, any number of faces.

    ``aligner`` does the work on single frames: a :class:`face_alignment_3d.FaceAligner3D`, or anything with
    its ``detect`` and ``detect_batch`` and, if faces are to have blendshapes, its ``blendshape_estimator``.
    Several of these may share it. All state is in this object, without a lock: it is for one video and one
    thread at a time.

    A face that is tracked gets its box from where its landmarks were and how they moved. The network aligns
    it every ``alignment_interval`` seconds, and at once when it does not move as a rigid body: in the frames
    between, optical flow propagates its landmarks; 0 has the network align it in every frame. The detector
    runs every ``detection_interval`` seconds to find new faces, at once when a face is lost or after a cut,
    and every ``redetection_interval`` seconds while a face is lost or there is none. A lost face keeps its
    identity for ``max_lost_seconds`` seconds: it comes back with it where it is found again near where it
    should be and looks the same. Faces that are lost are not returned.

    ``max_faces`` is the number of faces to follow, the largest first; None follows all. While so many are in
    sight, and none of them is in doubt, the detector does not run.

    ``smooth``: True, False, or a :class:`Smoothing` with settings of one's own. ``fps`` is the frame rate for
    frames without time stamps. ``config`` has the thresholds.

    Raises ValueError for durations or a rate that are not above 0, an ``alignment_interval`` below 0, and a
    ``max_faces`` other than None and whole numbers of at least 1.
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
        max_faces: int | None = None,
        fps: float = 30.0,
        config: TrackerConfig | None = None,
    ) -> None:
        require_positive(max_lost_seconds=max_lost_seconds, fps=fps)
        if max_faces is not None:
            require_at_least_1(max_faces=max_faces)
        self._schedule = Schedule(
            alignment_interval=alignment_interval,
            detection_interval=detection_interval,
            redetection_interval=redetection_interval,
        )
        self._aligner = aligner
        self._smoothing = (Smoothing() if smooth else None) if isinstance(smooth, bool) else smooth
        self._config = TrackerConfig() if config is None else config
        self._max_lost_seconds, self._max_faces, self._fps = max_lost_seconds, max_faces, fps
        self._next_id = 0
        self._tracks: list[Track] = []
        self._cuts = CutDetector()
        self._time: float | None = None
        self._size: tuple[int, ...] | None = None

    def reset(self) -> None:
        """Forgets all faces, for another video; identities go on being counted, time starts anew."""
        self._time = self._size = None
        self._forget_faces()

    def track(
        self, frame: ImageLike, *, time: float | None = None, color: ColorOrder = "rgb"
    ) -> list[TrackedFace3D]:
        """The faces that are seen in the next frame, by ``track_id``; an empty list when there is none.

        ``frame`` and ``color`` are as of :meth:`face_alignment_3d.FaceAligner3D.detect`. ``time`` is the
        frame's time stamp in seconds, from any origin; None is ``1 / fps`` after the last frame. Rates may
        vary. Coordinates are pixels of the frame; see :class:`face_alignment_3d.Face3D`.

        Raises :class:`ImageError` for what is no image and ValueError for a time that does not rise.
        """
        image_rgb = as_rgb(frame, color=color)
        self._time = time = self._checked_time(time)
        if image_rgb.shape != self._size:
            self._forget_faces()
            self._size = image_rgb.shape
        is_cut = self._cuts.update(image_rgb)
        self._tracks = [track for track in self._tracks if track.lost_for(time) <= self._max_lost_seconds]

        followed = self._follow(image_rgb, time, use_flow=not is_cut)
        is_due = is_cut or self._is_detection_due(followed, time)
        detections = self._detect(image_rgb, time) if is_due else None
        if is_cut:
            followed = continuing_after_cut(followed, detections or [], image_rgb, self._config)
            for track, _ in followed:
                track.forget_motion()
            self._tracks = [track for track, _ in followed]
        returned: TrackFaces = []
        new: list[Face3D] = []
        if detections is not None:
            followed, unmatched = self._confirm(followed, detections, time)
            settled = settled_detections(
                self._aligner, unmatched, [face for _, face in followed], image_rgb, self._config
            )
            returned, new = self._reidentify(settled, image_rgb, time)
            if self._max_faces is not None:
                returned = returned[: max(0, self._max_faces - len(followed))]
                room = max(0, self._max_faces - len(followed) - len(returned))
                new = sorted(new, key=lambda face: -face_size(face.landmarks))[:room]
        self._update(followed, returned, image_rgb, time)
        for face in new:
            self._tracks.append(
                Track(
                    self._next_id,
                    face,
                    time,
                    image_rgb,
                    smoothing=self._smoothing,
                    uses_flow=self._schedule.uses_flow,
                    config=self._config,
                )
            )
            self._next_id += 1
        faces = [track.face for track in self._tracks if track.lost_since is None]
        estimator: BlendshapeEstimator | None = getattr(self._aligner, "blendshape_estimator", None)
        # Of the smoothed points, not of those that the aligner found.
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

    def _forget_faces(self) -> None:
        self._tracks = []
        self._cuts = CutDetector()
        self._schedule.request_detection()

    def _follow(self, image_rgb: Image, time: float, *, use_flow: bool) -> TrackFaces:
        """The tracked faces that are found where they are expected; the others are marked as lost."""
        tracks = [track for track in self._tracks if track.lost_since is None]
        faces = [self._propagate(track, image_rgb, time) if use_flow else None for track in tracks]
        rest = [track for track, face in zip(tracks, faces, strict=True) if face is None]
        places = [track.predict(time) for track in rest]
        aligned = iter(align_at(self._aligner, image_rgb, places) if places else [])
        followed: TrackFaces = []
        for track, propagated in zip(tracks, faces, strict=True):
            face = next(aligned) if propagated is None else propagated
            if propagated is not None or continues(track, face, image_rgb, time, self._config):
                followed.append((track, face))
            else:
                self._mark_lost(track, time)
        return followed if len(self._tracks) < 2 else self._without_mistakes(followed, image_rgb, time)

    def _propagate(self, track: Track, image_rgb: Image, time: float) -> Face3D | None:
        """The face as optical flow finds it; None where the network is to align it."""
        is_due = self._schedule.is_alignment_due(track.aligned_at, time)
        if is_due and self._smoothing is None:
            return None
        face = track.propagate(image_rgb, time)
        if is_due or face is None:
            return None  # The track keeps it: smoothing weighs the alignment against it.
        least = self._config.min_confidence
        return face if is_face(face, image_rgb, min_confidence=least, config=self._config) else None

    def _without_mistakes(self, followed: TrackFaces, image_rgb: Image, time: float) -> TrackFaces:
        """``followed`` with at most one track for each face: the one that it is most similar to."""

        def misfit(index: int) -> float:
            track, face = followed[index]
            return track.innovation(face, time) + 1 - track.similarity(face, image_rgb)

        behind = tracks_behind_others(boxes_of(face for _, face in followed), misfit, self._config)
        for index in behind:
            self._mark_lost(followed[index][0], time)
        tracks = [track for index, (track, _) in enumerate(followed) if index not in behind]
        faces = [face for index, (_, face) in enumerate(followed) if index not in behind]
        own = uncross(boxes_of(faces), lambda t, f: tracks[t].similarity(faces[f], image_rgb), self._config)
        pairs = [(track, faces[face]) for track, face in zip(tracks, own, strict=True)]
        for lost in [track for track in self._tracks if track.lost_since is not None]:
            for index, (track, face) in enumerate(pairs):
                if return_distance(lost, face, time, self._config) is None:
                    continue
                least = track.similarity(face, image_rgb) + self._config.swap_margin
                if lost.similarity(face, image_rgb) > max(self._config.return_similarity, least):
                    self._mark_lost(track, time)
                    pairs[index] = (lost, face)
                    break
        return pairs

    def _mark_lost(self, track: Track, time: float) -> None:
        track.mark_lost(time)
        self._schedule.request_detection()

    def _is_detection_due(self, followed: TrackFaces, time: float) -> bool:
        is_full = self._max_faces is not None and len(followed) >= self._max_faces
        if is_full and all(confidence_of(f) >= self._config.doubtful_confidence for _, f in followed):
            return False
        is_complete = bool(self._tracks) and all(track.lost_since is None for track in self._tracks)
        return self._schedule.is_detection_due(time, is_complete=is_complete)

    def _detect(self, image_rgb: Image, time: float) -> list[Face3D]:
        self._schedule.note_detection(time)
        found = self._aligner.detect(image_rgb)
        least = self._config.min_new_confidence
        return [f for f in found if is_face(f, image_rgb, min_confidence=least, config=self._config)]

    def _confirm(
        self, followed: TrackFaces, detections: Sequence[Face3D], time: float
    ) -> tuple[TrackFaces, list[Face3D]]:
        """The tracked faces that are still there, and the detections that are of none."""
        result = match_detections(
            boxes_of(face for _, face in followed),
            [confidence_of(face) for _, face in followed],
            boxes_of(detections),
            self._config,
        )
        for row, column in result.confirmed:
            followed[row][0].confirm_detection(detections[column])
        for row in result.unconfirmed:
            followed[row][0].mark_lost(time)
        kept = [pair for row, pair in enumerate(followed) if row not in result.unconfirmed]
        return kept, [detections[column] for column in result.unmatched]

    def _reidentify(
        self, detections: Sequence[tuple[Face3D, bool]], image_rgb: Image, time: float
    ) -> tuple[TrackFaces, list[Face3D]]:
        """Lost tracks that are found again, and new tracks for new faces."""
        lost = [track for track in self._tracks if track.lost_since is not None]
        candidates = [
            {
                row: ReturnCandidate(
                    distance,
                    track.similarity(face, image_rgb),
                    lost_for=track.lost_for(time),
                    doubted_for=track.doubted_for(time),
                )
                for row, track in enumerate(lost)
                if (distance := return_distance(track, face, time, self._config)) is not None
            }
            for face, _ in detections
        ]
        result = reidentify(candidates, [is_covered for _, is_covered in detections], len(lost), self._config)
        for row in result.doubted:
            lost[row].note_doubt(time)
        known = {column for _, column in result.returned} | result.waiting
        new = [face for column, (face, _) in enumerate(detections) if column not in known]
        return [(lost[row], detections[column][0]) for row, column in result.returned], new

    def _update(self, followed: TrackFaces, returned: TrackFaces, image_rgb: Image, time: float) -> None:
        seen = [(track, face, False) for track, face in followed]
        seen += [(track, face, True) for track, face in returned]
        boxes: dict[int, npt.NDArray[np.float32]] = {}
        if len(self._tracks) > 1:
            boxes = {track.track_id: box_around(face.landmarks) for track, face, _ in seen}
            boxes |= {t.track_id: t.predict(time).box for t in self._tracks if t.track_id not in boxes}
        for track, face, is_detected in seen:
            others = (box for track_id, box in boxes.items() if track_id != track.track_id)
            in_the_way = self._config.in_the_way_overlap
            is_free = all(box_overlap(boxes[track.track_id], box) < in_the_way for box in others)
            track.update(face, time=time, image_rgb=image_rgb if is_free else None, detected=is_detected)
