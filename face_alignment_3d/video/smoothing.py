"""Calm landmarks without lag: a one-euro filter that knows a face, and how noisy it is.

The one-euro filter (Casiez, Roussel and Vogel, "1 EUR Filter", CHI 2012) is a low pass whose cut-off rises
with speed: calm at rest, quick in motion. Applied to each coordinate alone it has to find a point's speed in
that point's own noise, which makes it late. Here the motion of a frame is split in two:

- What the points have in common: the affine motion that fits them best. Its velocity is known well enough to
  raise the cut-off, and to carry the estimate forward, which takes away the lag of steady motion.
- The rest: expressions, each point for itself.

A network's noise in videos is not white: neighboring points err together, so that much of it looks like
common motion, and jaw and brows err several times as much as eyes. So its level is measured on the face
itself as it goes, for each point and for each way in which the whole face can move. What stands out from it,
because it is large or because it lasts, is let through at once and for a while after: a blink or a jerk
arrives in the frame that it happens in, and whole.

Speeds are in face sizes a second, so that faces near and far, and cameras fast and slow, are treated alike.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import LandmarksError
from face_alignment_3d.video.common_motion import CommonMotion, Points
from face_alignment_3d.video.face_size import size_of
from face_alignment_3d.video.noise_level import NoiseLevel


@dataclass(frozen=True)
class Smoothing:
    """How calm and how quick. Frequencies are in hertz, speeds in face sizes a second.

    A face's size is the longer side of the bounding box of its landmarks. Noise is the step from frame to
    frame that it causes, measured on the face itself. News are what a frame brings that was not expected.
    """

    common_rest_hz: float = 0.5
    """Cut-off for the motion of the whole face while it is at rest."""
    common_gain_hz: float = 30.0
    """By how much that cut-off rises for each face size a second."""
    common_speed_hz: float = 2.0
    """Cut-off for the velocity of the face."""
    steady_speed: float = 0.03
    """From about this speed on, if noise has less, the face's velocity is trusted to carry it on."""
    common_surprise: float = 4.0
    """News of the whole face are let through at once beyond this multiple of its noise ..."""
    common_least: float = 0.0015
    """... and this share of its size."""
    common_linger: float = 0.25
    """Seconds for which a face that moved is let through as if it still did: heads turn back."""
    own_rest_hz: float = 0.5
    """Cut-off for a point's own motion, within the face, while it is at rest."""
    own_surprise: float = 2.3
    """News of a point are let through at once beyond this multiple of its noise ..."""
    own_least: float = 0.0025
    """... and this share of the face's size."""
    own_drift: float = 1.6
    """The same, instead of ``own_surprise``, for news that last."""
    drift_hz: float = 3.0
    """Cut-off for what lasts."""
    own_linger: float = 0.12
    """Seconds for which a point that moved is let through as if it still did."""
    full_confidence: float = 0.6
    """Points of at least this confidence count fully; the typical point of a face in plain view has it."""
    least_trust: float = 0.2
    """The share of the cut-off at rest that even a point without confidence keeps."""
    longest_gap: float = 0.5
    """Seconds without an update after which nothing is known of the face any more, and all starts anew."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be above 0 and finite; got {value}")


class LandmarkSmoother:
    """The filter for one face; call :meth:`update` with each frame's landmarks in turn."""

    def __init__(self, smoothing: Smoothing | None = None) -> None:
        self._settings = Smoothing() if smoothing is None else smoothing
        self._state: _State | None = None

    def reset(self) -> None:
        """Forgets the face: the next landmarks pass unchanged."""
        self._state = None

    def update(
        self,
        points: npt.NDArray[np.floating],
        confidence: npt.NDArray[np.floating],
        *,
        time: float,
        carried: bool = False,
    ) -> Points:
        """Landmarks (N, 3) in pixels, N >= 4, measured at ``time`` (seconds) -> as they are believed to be.

        ``confidence`` is (N,) in [0, 1]. ``carried``: these are the last landmarks, moved with the face,
        noise and all; that lasts without being true, and tells nothing new of how noisy they are. The first
        landmarks, and those after a gap of more than ``longest_gap``, pass unchanged.

        Raises :class:`LandmarksError` for another shape or values that are not finite, and ValueError when
        ``time`` is not after that of the last call.
        """
        measured = np.array(points, np.float64)
        if measured.ndim != 2 or measured.shape[1] != 3 or not np.isfinite(measured).all():
            raise LandmarksError(
                f"landmarks must be finite and of shape (N, 3), in pixels; got {measured.shape}"
                + ("" if np.isfinite(measured).all() else " with NaN or infinity")
            )
        state = self._state
        if state is not None and not time > state.time:
            raise ValueError(f"time must rise from frame to frame; got {time} s after {state.time} s")
        if state is None or time - state.time > self._settings.longest_gap:
            self._state = state = _State(time, measured, size_of(measured))
        else:
            self._next(state, measured, np.asarray(confidence, np.float64), time, carried=carried)
            state.time, state.measured = time, measured
        return np.array(state.believed)

    def _next(
        self, state: "_State", measured: Points, confidence: Points, time: float, *, carried: bool
    ) -> None:
        settings, dt, size, noise = self._settings, time - state.time, size_of(measured), state.noise
        lingering = math.exp(-dt / settings.own_linger)

        # Speeds come from the measurements, which have no lag.
        moved = measured - state.measured
        common = CommonMotion(state.believed, noise.own, moved)
        moved_together = common.fit(moved)
        if not carried:
            noise.update(moved - common.displacements(moved_together), moved_together, dt=dt, size=size)
        share = float(_share(settings.common_speed_hz, dt))
        state.velocity = state.velocity + share * (moved_together / dt - state.velocity)
        steady = _steadiness(state.velocity, settings.steady_speed * size, noise.common / dt, share)

        expected = state.believed + common.displacements(steady * state.velocity * dt)
        news = measured - expected
        news_together = common.fit(news)
        news_alone = news - common.displacements(news_together)

        level = settings.common_surprise * noise.common + settings.common_least * size
        speed = float(np.linalg.norm(steady * state.velocity)) / size
        passing = np.maximum(
            _surprise(np.abs(news_together) / level), _share(settings.common_gain_hz * speed, dt)
        )
        state.surprise = np.maximum(passing, math.exp(-dt / settings.common_linger) * state.surprise)
        together = np.maximum(_share(settings.common_rest_hz, dt), state.surprise)

        if not carried:
            state.drift = state.drift + float(_share(settings.drift_hz, dt)) * (news_alone - state.drift)
        least = settings.own_least * size
        surprise = np.maximum(
            _surprise(np.linalg.norm(news_alone, axis=1) / (settings.own_surprise * noise.own + least)),
            _surprise(np.linalg.norm(state.drift, axis=1) / (settings.own_drift * noise.own + least)),
        )
        state.own_surprise = np.maximum(surprise, lingering * state.own_surprise)
        # Little is believed of the small motions of points that are not seen; the large ones mean something.
        trust = np.clip(confidence / settings.full_confidence, settings.least_trust, 1.0)
        alone = np.maximum(_share(settings.own_rest_hz * trust, dt), state.own_surprise)

        state.believed = (
            expected + common.displacements(together * news_together) + alone[:, None] * news_alone
        )


class _State:
    """What is known after a frame; pixels and pixels a second."""

    def __init__(self, time: float, measured: Points, size: float) -> None:
        self.time = time
        self.measured = measured
        self.believed = measured
        self.noise = NoiseLevel(len(measured), size)
        self.velocity: Points = np.zeros((4, 3))
        """Of the motion that all have in common."""
        self.surprise: Points = np.zeros((4, 3))
        """How much of that motion's news is let through for being news, in [0, 1]."""
        self.drift: Points = np.zeros_like(measured)
        """(N, 3): the news of each point within the face, averaged over the last frames."""
        self.own_surprise: Points = np.zeros(len(measured))
        """(N,): how much of these is let through for being news, in [0, 1]."""


def _share(cutoff_hz: npt.ArrayLike, dt: float) -> Points:
    """How much of the news a first-order low pass takes in after ``dt`` seconds, in (0, 1)."""
    return np.asarray(-np.expm1(-2 * math.pi * np.asarray(cutoff_hz, np.float64) * dt))


def _steadiness(velocity: Points, rest_speed: float, noise_speed: Points, share: float) -> Points:
    """In [0, 1): how far velocities stand out from what noise makes of a face at rest.

    Differences of white noise keep share / sqrt(2 - share) of their size in a low pass that takes in
    ``share``.
    """
    seeming = 2 * noise_speed * share / math.sqrt(2 - share)
    squared = np.square(velocity)
    return np.asarray(squared / (squared + rest_speed**2 + np.square(seeming)), np.float64)


def _surprise(ratio: Points) -> Points:
    """In [0, 1): rises steeply from 0 to 1 where ``ratio`` passes 1."""
    return np.asarray(1 - 1 / (1 + np.square(np.square(ratio))), np.float64)
