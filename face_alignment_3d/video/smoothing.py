"""Smooth landmarks without lag: a one-euro filter with a model of a face's motion and of its noise.

The one-euro filter (Casiez, Roussel and Vogel, "1 EUR Filter", CHI 2012) is a low pass whose cut-off rises
with speed: smooth at rest, quick in motion. Applied to each coordinate alone it has to find a point's speed
in that point's own noise, which makes it late. Here the motion of a frame is split in two:

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
from face_alignment_3d.video.motion import CommonMotion, NoiseLevel, Points, face_size


@dataclass(frozen=True)
class Smoothing:
    """Settings of :class:`LandmarkSmoother`. Frequencies are in hertz, speeds in face sizes a second.

    A face's size is the longer side of the bounding box of its landmarks. Noise is the step from frame to
    frame that it causes, measured on the face itself. An innovation is a measurement less its prediction.
    """

    common_min_cutoff: float = 0.5
    """Cut-off for the motion of the whole face while it is at rest."""
    common_beta: float = 30.0
    """The rise of that cut-off for each face size a second."""
    common_velocity_cutoff: float = 2.0
    """Cut-off for the velocity of the face."""
    steady_speed: float = 0.03
    """About the speed from which on the face's velocity, if it has less noise, is used to extrapolate."""
    common_innovation: float = 4.0
    """Innovations of the whole face are let through at once beyond this multiple of its noise ..."""
    common_innovation_floor: float = 0.0015
    """... and this share of its size."""
    common_hold: float = 0.25
    """Seconds for which a face that moved is still treated as moving: heads turn back."""
    point_min_cutoff: float = 0.5
    """Cut-off for a point's own motion, within the face, while it is at rest."""
    point_innovation: float = 2.3
    """Innovations of a point are let through at once beyond this multiple of its noise ..."""
    point_innovation_floor: float = 0.0025
    """... and this share of the face's size."""
    point_residual: float = 1.6
    """The same, instead of ``point_innovation``, for innovations that last: their residual."""
    residual_cutoff: float = 3.0
    """Cut-off for the residual, the average of a point's last innovations."""
    point_hold: float = 0.12
    """Seconds for which a point that moved is still treated as moving."""
    full_confidence: float = 0.6
    """Points of at least this confidence count fully; most points of a face in plain view have it."""
    min_trust: float = 0.2
    """The share of the cut-off at rest that even a point without confidence keeps."""
    max_gap: float = 0.5
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
        propagated: bool = False,
    ) -> Points:
        """Landmarks (N, 3) in pixels, N >= 4, measured at ``time`` (seconds) -> the estimate of them.

        ``confidence`` is (N,) in [0, 1]. ``propagated``: these are the last landmarks moved by optical flow,
        with the same noise; a lasting innovation then is no motion of the face, and the noise level is not
        updated. The first landmarks, and those after a gap of more than ``max_gap``, pass unchanged.

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
        if state is None or time - state.time > self._settings.max_gap:
            self._state = state = _State(time, measured, face_size(measured))
        else:
            self._next(state, measured, np.asarray(confidence, np.float64), time, propagated=propagated)
            state.time, state.measured = time, measured
        return np.array(state.estimate)

    def _next(
        self, state: "_State", measured: Points, confidence: Points, time: float, *, propagated: bool
    ) -> None:
        settings, dt, size, noise = self._settings, time - state.time, face_size(measured), state.noise
        point_decay = math.exp(-dt / settings.point_hold)

        # Speeds come from the measurements, which have no lag.
        moved = measured - state.measured
        common = CommonMotion(state.estimate, noise.own, moved)
        moved_in_common = common.fit(moved)
        if not propagated:
            noise.update(moved - common.displacements(moved_in_common), moved_in_common, dt=dt, size=size)
        share = _share(settings.common_velocity_cutoff, dt)
        state.velocity = state.velocity + share * (moved_in_common / dt - state.velocity)
        steady = _steadiness(state.velocity, settings.steady_speed * size, noise.common / dt, share)

        predicted = state.estimate + common.displacements(steady * state.velocity * dt)
        innovation = measured - predicted
        common_innovation = common.fit(innovation)
        point_innovation = innovation - common.displacements(common_innovation)

        level = settings.common_innovation * noise.common + settings.common_innovation_floor * size
        speed = float(np.linalg.norm(steady * state.velocity)) / size
        gain = np.maximum(_gate(np.abs(common_innovation) / level), _share(settings.common_beta * speed, dt))
        state.common_gain = np.maximum(gain, math.exp(-dt / settings.common_hold) * state.common_gain)
        common_share = np.maximum(_share(settings.common_min_cutoff, dt), state.common_gain)

        if not propagated:
            share = _share(settings.residual_cutoff, dt)
            state.residual = state.residual + share * (point_innovation - state.residual)
        least = settings.point_innovation_floor * size
        gain = np.maximum(
            _gate(np.linalg.norm(point_innovation, axis=1) / (settings.point_innovation * noise.own + least)),
            _gate(np.linalg.norm(state.residual, axis=1) / (settings.point_residual * noise.own + least)),
        )
        state.point_gain = np.maximum(gain, point_decay * state.point_gain)
        # Small motions of points that are not seen mean little; large ones do.
        trust = np.clip(confidence / settings.full_confidence, settings.min_trust, 1.0)
        point_share = np.maximum(
            -np.expm1(-2 * math.pi * settings.point_min_cutoff * dt * trust), state.point_gain
        )

        state.estimate = (
            predicted
            + common.displacements(common_share * common_innovation)
            + point_share[:, None] * point_innovation
        )


class _State:
    """The state after a frame; pixels and pixels a second."""

    def __init__(self, time: float, measured: Points, size: float) -> None:
        self.time = time
        self.measured = measured
        self.estimate = measured
        self.noise = NoiseLevel(len(measured), size)
        self.velocity: Points = np.zeros((4, 3))
        """The velocity of the common motion."""
        self.common_gain: Points = np.zeros((4, 3))
        """The share in [0, 1] of the common motion's innovation that passes because it is large."""
        self.residual: Points = np.zeros_like(measured)
        """(N, 3): the innovation of each point within the face, averaged over the last frames."""
        self.point_gain: Points = np.zeros(len(measured))
        """(N,) in [0, 1]: the share of each point's innovation that passes because it is large."""


def _share(cutoff_hz: float, dt: float) -> float:
    """The share of an innovation that a first-order low pass takes in after ``dt`` seconds, in (0, 1)."""
    return -math.expm1(-2 * math.pi * cutoff_hz * dt)


def _steadiness(velocity: Points, rest_speed: float, noise_speed: Points, share: float) -> Points:
    """In [0, 1): how far velocities stand out from what noise makes of a face at rest.

    Differences of white noise keep share / sqrt(2 - share) of their size in a low pass that takes in
    ``share``.
    """
    seeming = 2 * noise_speed * share / math.sqrt(2 - share)
    squared = np.square(velocity)
    return np.asarray(squared / (squared + rest_speed**2 + np.square(seeming)), np.float64)


def _gate(ratio: Points) -> Points:
    """In [0, 1): rises steeply from 0 to 1 where ``ratio`` passes 1."""
    return np.asarray(1 - 1 / (1 + np.square(np.square(ratio))), np.float64)
