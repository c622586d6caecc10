"""Calm landmarks without lag: a one-euro filter that knows that a face moves as a whole.

The one-euro filter (Casiez, Roussel and Vogel, "1 EUR Filter", CHI 2012) is a low pass whose cut-off rises
with speed: calm at rest, quick in motion. Applied to each coordinate alone it has to find a point's speed in
that point's own noise, which makes it late. Here the motion of a frame is split in two:

- What the points have in common: the affine motion that fits them all best, 12 numbers from 198 coordinates.
  Its noise is small, so it can be let through almost as it is once the head moves, and its velocity is known
  well enough to carry the estimate forward, which takes away the lag of steady motion.
- The rest: expressions, and nearly all of the noise. It has a cut-off of its own for each point.

How much is noise is measured on the face itself, as it goes. What stands out from it is let through at once,
which is what makes a blink or a jerk arrive in the frame that it happens in.

Speeds are in face sizes a second, so that faces near and far, and cameras fast and slow, are treated alike.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import LandmarksError

Points = npt.NDArray[np.float64]

#: Added to the normal equations of the affine fit, for faces that are flat or seen from the side.
_RIDGE: Final = 1e-6


@dataclass(frozen=True)
class Smoothing:
    """How calm and how quick. Frequencies are in hertz, speeds in face sizes a second.

    A face's size is the longer side of the bounding box of its landmarks.
    """

    common_rest_hz: float = 0.8
    """Cut-off for the motion of the whole face while it is at rest."""
    common_gain_hz: float = 30.0
    """By how much that cut-off rises for each face size a second."""
    common_noise: float = 0.5
    """The noise of the whole face, as a share of that of single points."""
    own_rest_hz: float = 0.5
    """Cut-off for a point's own motion, within the face, while it is at rest."""
    own_gain_hz: float = 20.0
    """By how much that cut-off rises for each face size a second of a point's own speed beyond noise."""
    own_noise: float = 2.0
    """A point is at rest in the face up to this multiple of the speed that noise alone seems to give it."""
    common_speed_hz: float = 2.0
    """Cut-off for the velocity of the face."""
    own_speed_hz: float = 2.0
    """Cut-off for the points' own velocities."""
    common_surprise: float = 1.1
    """News of the whole face beyond this multiple of the noise of single points are let through at once."""
    own_surprise: float = 2.2
    """News of a point beyond this multiple of that noise are let through at once."""
    steady_speed: float = 0.06
    """From about this speed on the face's velocity is trusted to carry it on."""
    full_confidence: float = 0.6
    """Points of at least this confidence count fully; the typical point of a face in plain view has it."""
    least_trust: float = 0.2
    """How much of its own motion even a point without confidence is allowed."""
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
        self, points: npt.NDArray[np.floating], confidence: npt.NDArray[np.floating], *, time: float
    ) -> Points:
        """Landmarks (N, 3) in pixels, N >= 4, measured at ``time`` (seconds) -> as they are believed to be.

        ``confidence`` is (N,) in [0, 1]. The first landmarks, and those after a gap of more than
        ``longest_gap``, pass unchanged. Raises :class:`LandmarksError` for another shape or values that are
        not finite, and ValueError when ``time`` is not after that of the last call.
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
            still = np.zeros_like(measured)
            self._state = _State(time, measured, measured, still, still)
            return np.array(measured)
        self._state = self._next(state, measured, np.asarray(confidence, np.float64), time)
        return np.array(self._state.believed)

    def _next(self, state: "_State", measured: Points, confidence: Points, time: float) -> "_State":
        settings, dt = self._settings, time - state.time
        size = max(float(np.ptp(measured[:, :2], axis=0).max()), 1.0)
        common_part = _affine_projection(state.believed, confidence, size)

        # Speeds come from the measurements, which have no lag.
        moved = measured - state.measured
        moved_together = common_part(moved)
        moved_alone = moved - moved_together
        # Half of the points are never busy with an expression: what they do is noise.
        noise = float(np.median(np.linalg.norm(moved_alone, axis=1)))
        if state.noise is not None:
            noise = state.noise + float(_share(1.0, dt)) * (noise - state.noise)
        share = float(_share(settings.common_speed_hz, dt))
        velocity = state.velocity + share * (moved_together / dt - state.velocity)
        noise_speed = settings.common_noise * _seeming_speed(noise, share, dt)
        rest_speed = math.hypot(settings.steady_speed * size, noise_speed)
        share = float(_share(settings.own_speed_hz, dt))
        own_velocity = state.own_velocity + share * (moved_alone / dt - state.own_velocity)
        own_rest_speed = settings.own_noise * _seeming_speed(noise, share, dt)

        expected = state.believed + _steadiness(state.velocity, rest_speed) * state.velocity * dt
        news = measured - expected
        news_together = common_part(news)
        news_alone = news - news_together

        cutoff = settings.common_gain_hz * _speed(velocity) / size * _steadiness(velocity, rest_speed)
        together = _share(settings.common_rest_hz + cutoff, dt)
        together = np.maximum(together, _surprise(news_together, settings.common_surprise * noise))

        own_speed = np.linalg.norm(own_velocity, axis=1, keepdims=True)
        cutoff = settings.own_gain_hz * np.maximum(own_speed - own_rest_speed, 0.0) / size
        alone = _share(settings.own_rest_hz + cutoff, dt)
        alone = np.maximum(alone, _surprise(news_alone, settings.own_surprise * noise))
        trust = np.clip(confidence / settings.full_confidence, settings.least_trust, 1.0)[:, None]

        believed = expected + together * news_together + trust * alone * news_alone
        return _State(time, measured, believed, velocity, own_velocity, noise)


@dataclass(frozen=True)
class _State:
    """After a frame; all arrays are (N, 3), in pixels and pixels a second."""

    time: float
    measured: Points
    believed: Points
    velocity: Points
    """Of each point, by the motion that all have in common."""
    own_velocity: Points
    """Of each point, apart from that."""
    noise: float | None = None
    """By how much points move from frame to frame, apart from that, for no reason; pixels."""


class _affine_projection:  # noqa: N801 - used as a function that remembers a factorisation
    """Displacements (N, 3) of points -> the affine motion in them, by weighted least squares."""

    def __init__(self, points: Points, confidence: Points, size: float) -> None:
        weights = np.maximum(confidence, 0.05)
        weights = weights / weights.sum()
        centered = (points - weights @ points) / size
        self._basis = np.column_stack([np.ones(len(points)), centered])
        weighted = self._basis * weights[:, None]
        ridge = np.diag([0.0, _RIDGE, _RIDGE, _RIDGE])
        self._solve = np.linalg.solve(self._basis.T @ weighted + ridge, weighted.T)

    def __call__(self, displacements: Points) -> Points:
        return np.asarray(self._basis @ (self._solve @ displacements), np.float64)


def _share(cutoff_hz: npt.ArrayLike, dt: float) -> Points:
    """How much of the news a first-order low pass takes in after ``dt`` seconds, in (0, 1)."""
    return np.asarray(-np.expm1(-2 * math.pi * np.asarray(cutoff_hz, np.float64) * dt))


def _speed(velocity: Points) -> float:
    """The speed of a face whose points move with ``velocity`` (N, 3)."""
    return math.sqrt(float(np.square(velocity).sum(axis=1).mean()))


def _steadiness(velocity: Points, rest_speed: float) -> float:
    """In [0, 1): how far the speed of a face stands out from what noise makes of one at rest."""
    speed = _speed(velocity)
    return speed**2 / (speed**2 + rest_speed**2 + 1e-12)


def _seeming_speed(noise: float, share: float, dt: float) -> float:
    """What noise alone, which moves points by ``noise`` from frame to frame, leaves in a low pass of speeds.

    Differences of white noise keep share / sqrt(2 - share) of their size in one that takes in ``share``.
    """
    return noise / dt * share / math.sqrt(2 - share)


def _surprise(news: Points, noise: float) -> Points:
    """(N, 1) in [0, 1): rises steeply from 0 to 1 where the length of a point's ``news`` passes ``noise``."""
    ratio = np.sum(np.square(news), axis=1, keepdims=True) / max(noise, 1e-9) ** 2
    return np.asarray(1 - 1 / (1 + np.square(ratio)), np.float64)
