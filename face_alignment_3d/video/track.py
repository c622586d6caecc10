"""One face through time: where it was, how it moves, what it looks like."""

import math
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around
from face_alignment_3d.face import Face3D
from face_alignment_3d.video.appearance import appearance_of, likeness, unit
from face_alignment_3d.video.face_size import size_of
from face_alignment_3d.video.flow import FaceFlow
from face_alignment_3d.video.leveling import Whereabouts, roll_of
from face_alignment_3d.video.matching import overlap
from face_alignment_3d.video.smoothing import LandmarkSmoother, Smoothing
from face_alignment_3d.video.tracked_face import TrackedFace3D

#: Seconds over which the velocity is averaged, and the appearance.
_VELOCITY_MEMORY: Final = 0.08
_APPEARANCE_MEMORY: Final = 0.5
#: Seconds after which a face that is not seen has lost most of its speed.
_COASTING: Final = 2.0
#: How much of a look is believed where flow agrees with it, and from how far apart on, in face sizes, it does
#: not.
_NEWS: Final = 0.5
_FAR_APART: Final = 0.015
#: Seconds without a question after which the next one begins anew.
_DOUBT_ENDS: Final = 1.0
#: A box that overlaps the last one this much is not worth a new crop: at rest the network then sees the very
#: same window, and the landmarks do not move with it.
_SAME_BOX: Final = 0.94


class Track:
    """What is remembered of a face. Times are in seconds, lengths in image pixels."""

    def __init__(
        self,
        track_id: int,
        face: Face3D,
        *,
        time: float,
        image_rgb: npt.NDArray[np.uint8],
        smoothing: Smoothing | None,
    ) -> None:
        self.track_id = track_id
        self.hidden_since: float | None = None
        """When it was lost from sight; None while it is seen."""
        self.looked_at = time
        """When the network last saw it."""
        self._doubted = (time, -math.inf)
        self._flow: FaceFlow | None = None
        self._carried: Face3D | None = None
        self._smoother = None if smoothing is None else LandmarkSmoother(smoothing)
        self._velocity = np.zeros(2)
        self._place(face, time)
        self._appearance = appearance_of(image_rgb, self._points, roll=self._roll)
        self._score = face.score
        self._face = self._tracked(face, time)

    @property
    def size(self) -> float:
        """The longer side of the face's box."""
        return size_of(self._points)

    @property
    def face(self) -> TrackedFace3D:
        """As it was last seen."""
        return self._face

    def expected(self, time: float) -> Whereabouts:
        """Where the face should be at ``time``, by the way it moved."""
        points = self._points + np.append(self._shift(time), 0.0)
        box = box_around(points)
        if overlap(box, self._box) > _SAME_BOX:
            box = self._box
        return Whereabouts(points, box, self._roll)

    def _shift(self, time: float) -> npt.NDArray[np.float64]:
        return np.asarray(self._velocity * _COASTING * -math.expm1(-(time - self._time) / _COASTING))

    def carry(self, image_rgb: npt.NDArray[np.uint8], time: float) -> Face3D | None:
        """Where optical flow from the last frame has the face; None where the network has to look.

        Call it for each frame but cuts; for those of a look too, where faces are smoothed.
        """
        self._carried = None if self._flow is None else self._flow.carry(image_rgb, self._shift(time))
        return self._carried

    def surprise(self, face: Face3D, time: float) -> float:
        """How far ``face`` is from where this one is expected, in sizes of it."""
        expected = self.expected(time).points[:, :2].mean(axis=0)
        found = np.asarray(face.landmarks, np.float64)[:, :2].mean(axis=0)
        return float(np.linalg.norm(found - expected)) / self.size

    def detour(self, face: Face3D, time: float) -> float:
        """How far ``face`` is from all places where this one can be without having turned, in sizes of it.

        It may have stopped since it was lost, gone on as it was, or anything between.
        """
        start = self._points[:, :2].mean(axis=0)
        way = self.expected(time).points[:, :2].mean(axis=0) - start
        offset = np.asarray(face.landmarks, np.float64)[:, :2].mean(axis=0) - start
        along = float(np.clip(offset @ way / max(float(way @ way), 1e-9), 0, 1))
        return float(np.linalg.norm(offset - along * way)) / self.size

    def size_ratio(self, face: Face3D) -> float:
        """How many times larger ``face`` is, or smaller; at least 1."""
        ratio = size_of(face.landmarks) / self.size
        return max(ratio, 1 / ratio)

    def resembles(self, face: Face3D, image_rgb: npt.NDArray[np.uint8]) -> float:
        """How much ``face`` looks like this one, in [-1, 1]."""
        return likeness(
            self._appearance,
            appearance_of(image_rgb, face.landmarks, roll=roll_of(face, otherwise=self._roll)),
        )

    def see(
        self,
        face: Face3D,
        *,
        time: float,
        image_rgb: npt.NDArray[np.uint8] | None,
        detected: bool = False,
        flow: bool = False,
    ) -> None:
        """Takes in where the face is now. Without an image its motion and looks are not learned from.

        That is for faces before or behind others, whose landmarks may be partly the other's. ``detected``:
        ``face`` comes from the detector, not from where this one was expected. ``flow``: from here on, it
        may be carried on by optical flow.
        """
        center, elapsed = self._points[:, :2].mean(axis=0), time - self._time
        returned = self.hidden_since is not None
        carried = face is self._carried
        if self._carried is not None and not carried and self._smoother is not None:
            face = _between(self._carried, face)
        self._place(face, time)
        if image_rgb is not None:
            share = 1.0 if returned else -math.expm1(-elapsed / _VELOCITY_MEMORY)
            moved = (self._points[:, :2].mean(axis=0) - center) / elapsed
            self._velocity = self._velocity + share * (moved - self._velocity)
        if image_rgb is None:
            self._flow = None
        if not carried:
            since_look, self.looked_at = time - self.looked_at, time
            if image_rgb is not None:
                self._learn_looks(image_rgb, since_look)
                self._flow = FaceFlow(face, image_rgb, roll=self._roll) if flow else None
        if detected:
            self._score = face.score
        self.hidden_since = None
        self._carried = None
        self._face = self._tracked(face, time, carried=carried)

    def _learn_looks(self, image_rgb: npt.NDArray[np.uint8], elapsed: float) -> None:
        look = appearance_of(image_rgb, self._points, roll=self._roll)
        fresh = -math.expm1(-elapsed / _APPEARANCE_MEMORY)
        self._appearance = unit(self._appearance + fresh * (look - self._appearance))

    def confirm(self, face: Face3D) -> None:
        """The detector found it as well, as ``face``."""
        self._score = face.score

    def hide(self, time: float) -> None:
        """It is not to be seen now."""
        self._flow = self._carried = None
        if self.hidden_since is None:
            self.hidden_since = time

    def hidden_for(self, time: float) -> float:
        """Seconds since it was lost; 0 while it is seen."""
        return 0.0 if self.hidden_since is None else time - self.hidden_since

    def doubted_for(self, time: float) -> float:
        """Seconds for which it has been asked, again and again, whether a face that was found is this one."""
        since, last = self._doubted
        self._doubted = (since if time - last < _DOUBT_ENDS else time, time)
        return time - self._doubted[0]

    def forget_motion(self) -> None:
        """After a cut: where it was says nothing any more about where it goes."""
        self._velocity = np.zeros(2)
        if self._smoother is not None:
            self._smoother.reset()

    def _place(self, face: Face3D, time: float) -> None:
        self._time = time
        self._points = np.asarray(face.landmarks, np.float64)
        self._box = face.box
        self._roll = roll_of(face)

    def _tracked(self, face: Face3D, time: float, *, carried: bool = False) -> TrackedFace3D:
        landmarks = face.landmarks
        if self._smoother is not None:
            landmarks = self._smoother.update(landmarks, face.confidence, time=time, carried=carried).astype(
                np.float32
            )
        return TrackedFace3D(
            landmarks,
            face.confidence,
            face.box,
            self._score,
            track_id=self.track_id,
            visibility=face.visibility,
            image_size=face.image_size,
        )


def _between(carried: Face3D, look: Face3D) -> Face3D:
    """``look`` with landmarks nearer to where flow had them: the noise of a look is then half of its own.

    Points that are far apart are the look's.
    """
    apart = look.landmarks - carried.landmarks
    far = _FAR_APART * size_of(look.landmarks)
    share = 1 - (1 - _NEWS) * np.exp(-np.square(apart).sum(axis=1, keepdims=True) / far**2)
    return replace(look, landmarks=carried.landmarks + (share * apart).astype(np.float32))
