"""The state of one track: where the face was, how it moves, its embedding."""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around
from face_alignment_3d.face import Face3D
from face_alignment_3d.video.alignment import Placement, roll_of
from face_alignment_3d.video.association import box_overlap
from face_alignment_3d.video.config import TrackerConfig
from face_alignment_3d.video.motion import face_size
from face_alignment_3d.video.optical_flow import FaceFlow
from face_alignment_3d.video.reidentification import embed, normalize, similarity
from face_alignment_3d.video.smoothing import LandmarkSmoother, Smoothing
from face_alignment_3d.video.tracked_face import TrackedFace3D


class Track:
    """One face through time. Times are in seconds, lengths in image pixels.

    :meth:`propagate`, :meth:`update`, :meth:`mark_lost`, :meth:`confirm_detection`, :meth:`note_doubt` and
    :meth:`forget_motion` change it; all else are queries.
    """

    def __init__(
        self,
        track_id: int,
        face: Face3D,
        time: float,
        image_rgb: npt.NDArray[np.uint8],
        *,
        smoothing: Smoothing | None,
        uses_flow: bool,
        config: TrackerConfig,
    ) -> None:
        self.track_id = track_id
        self.lost_since: float | None = None
        """The time at which it was lost; None while it is seen."""
        self.aligned_at = time
        """The time of the network's last alignment of it."""
        self._embedded_at = time
        self._config, self._uses_flow = config, uses_flow
        self._doubt = (time, -math.inf)
        """The times at which the present doubt began and was last noted."""
        self._flow: FaceFlow | None = None
        self._propagated: Face3D | None = None
        self._smoother = None if smoothing is None else LandmarkSmoother(smoothing)
        self._velocity = np.zeros(2)
        self._set_placement(face, time)
        self._embedding = embed(image_rgb, self._points, roll=self._roll)
        self._score = face.score
        self._face = self._tracked(face, time, propagated=False)

    @property
    def face(self) -> TrackedFace3D:
        """The face as it was last seen."""
        return self._face

    def predict(self, time: float) -> Placement:
        """The expected placement at ``time``, from the face's motion."""
        points = self._points + np.append(self._shift(time), 0.0)
        box = box_around(points)
        if box_overlap(box, self._box) > self._config.same_box_overlap:
            box = self._box
        return Placement(points, box, self._roll)

    def innovation(self, face: Face3D, time: float) -> float:
        """The distance of ``face`` from the prediction, in sizes of this face."""
        return float(np.linalg.norm(_center(face) - self._center - self._shift(time))) / self._size

    def path_distance(self, face: Face3D, time: float) -> float:
        """The distance of ``face`` from the path on which this one may be, in its sizes.

        It may have stopped when it was lost, gone on as it moved, or anything between; it is assumed not to
        have turned.
        """
        way, offset = self._shift(time), _center(face) - self._center
        along = float(np.clip(offset @ way / max(float(way @ way), 1e-9), 0, 1))
        return float(np.linalg.norm(offset - along * way)) / self._size

    def size_ratio(self, face: Face3D) -> float:
        """The ratio of the sizes of ``face`` and this one, the larger over the smaller."""
        ratio = face_size(face.landmarks) / self._size
        return max(ratio, 1 / ratio)

    def similarity(self, face: Face3D, image_rgb: npt.NDArray[np.uint8]) -> float:
        """The similarity of ``face`` in ``image_rgb`` and this one, in [-1, 1]."""
        return similarity(
            self._embedding, embed(image_rgb, face.landmarks, roll=roll_of(face, otherwise=self._roll))
        )

    def lost_for(self, time: float) -> float:
        """Seconds since it was lost; 0 while it is seen."""
        return 0.0 if self.lost_since is None else time - self.lost_since

    def doubted_for(self, time: float) -> float:
        """The seconds since the first of the latest doubts whether a detection is this face."""
        since, last = self._doubt
        return time - since if time - last < self._config.doubt_memory else 0.0

    def note_doubt(self, time: float) -> None:
        """Notes a doubt at ``time`` whether a detection is this face."""
        since, last = self._doubt
        self._doubt = (since if time - last < self._config.doubt_memory else time, time)

    def propagate(self, image_rgb: npt.NDArray[np.uint8], time: float) -> Face3D | None:
        """The face as optical flow from the last frame has it; None where the network has to align it.

        Call it for each frame but cuts; where faces are smoothed, also for frames with an alignment.
        """
        self._propagated = None if self._flow is None else self._flow.propagate(image_rgb, self._shift(time))
        return self._propagated

    def update(
        self,
        face: Face3D,
        *,
        time: float,
        image_rgb: npt.NDArray[np.uint8] | None,
        detected: bool = False,
    ) -> None:
        """Takes in the face of this frame. Without an image motion and embedding are not learned from it.

        That is for faces before or behind others, whose landmarks may be partly the other's. ``detected``:
        ``face`` comes from the detector, not from the prediction. Optical flow may propagate it from here on
        if the track uses flow and the face is in plain view.
        """
        center, elapsed = self._center, time - self._time
        returned = self.lost_since is not None
        propagated = face is self._propagated
        if self._propagated is not None and not propagated and self._smoother is not None:
            face = self._fused(self._propagated, face)
        self._set_placement(face, time)
        if image_rgb is not None:
            share = 1.0 if returned else -math.expm1(-elapsed / self._config.velocity_memory)
            moved = (self._center - center) / elapsed
            self._velocity = self._velocity + share * (moved - self._velocity)
        if image_rgb is None:
            self._flow = None
        if not propagated:
            self.aligned_at = time
            if time - self._embedded_at >= self._config.embedding_interval:
                self._update_embedding(image_rgb, time)
            if image_rgb is not None and self._uses_flow:
                in_plain_view = float(face.confidence.mean()) >= self._config.plain_confidence
                self._flow = FaceFlow(face, image_rgb, roll=self._roll) if in_plain_view else None
        if detected:
            self._score = face.score
        self.lost_since = None
        self._propagated = None
        self._face = self._tracked(face, time, propagated=propagated)

    def confirm_detection(self, face: Face3D) -> None:
        """Notes that the detector found it as well, as ``face``."""
        self._score = face.score

    def mark_lost(self, time: float) -> None:
        """Notes that it is not seen at ``time``."""
        self._flow = self._propagated = None
        if self.lost_since is None:
            self.lost_since = time

    def forget_motion(self) -> None:
        """Forgets its motion, which says nothing after a cut."""
        self._velocity = np.zeros(2)
        if self._smoother is not None:
            self._smoother.reset()

    def _shift(self, time: float) -> npt.NDArray[np.float64]:
        coasting = self._config.coasting_seconds
        return np.asarray(self._velocity * coasting * -math.expm1(-(time - self._time) / coasting))

    def _update_embedding(self, image_rgb: npt.NDArray[np.uint8] | None, time: float) -> None:
        elapsed, self._embedded_at = time - self._embedded_at, time
        if image_rgb is not None:
            new = embed(image_rgb, self._points, roll=self._roll)
            share = -math.expm1(-elapsed / self._config.embedding_memory)
            self._embedding = normalize(self._embedding + share * (new - self._embedding))

    def _set_placement(self, face: Face3D, time: float) -> None:
        self._time = time
        self._points = np.asarray(face.landmarks, np.float64)
        self._center, self._size = self._points[:, :2].mean(axis=0), face_size(self._points)
        self._box = face.box
        self._roll = roll_of(face)

    def _fused(self, propagated: Face3D, aligned: Face3D) -> Face3D:
        """``aligned`` with its landmarks averaged with those of optical flow, which halves the noise.

        Where the two are far apart, the alignment's point is taken.
        """
        apart = aligned.landmarks - propagated.landmarks
        far = self._config.flow_distance * face_size(aligned.landmarks)
        agreement = np.exp(-np.square(apart).sum(axis=1, keepdims=True) / far**2)
        share = 1 - (1 - self._config.flow_weight) * agreement
        return replace(aligned, landmarks=propagated.landmarks + (share * apart).astype(np.float32))

    def _tracked(self, face: Face3D, time: float, *, propagated: bool) -> TrackedFace3D:
        landmarks = face.landmarks
        if self._smoother is not None:
            smoothed = self._smoother.update(landmarks, face.confidence, time=time, propagated=propagated)
            landmarks = smoothed.astype(np.float32)
        return TrackedFace3D(
            landmarks,
            face.confidence,
            face.box,
            self._score,
            track_id=self.track_id,
            visibility=face.visibility,
            image_size=face.image_size,
        )


def _center(face: Face3D) -> npt.NDArray[np.float64]:
    return np.asarray(np.asarray(face.landmarks, np.float64)[:, :2].mean(axis=0))
