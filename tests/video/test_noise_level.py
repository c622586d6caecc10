"""Noise is told from motion, at every frame rate, and a long talk is not taken for it."""

import numpy as np
import pytest

from face_alignment_3d.video.motion import NoiseLevel

SIZE = 150.0


def _levels(signal, common, times):
    """Of signals (T, N, 3) and (T, 4, 3): the level after the last frame."""
    noise = NoiseLevel(signal.shape[1], SIZE)
    for own, whole, dt in zip(np.diff(signal, axis=0), np.diff(common, axis=0), np.diff(times), strict=True):
        noise.update(own, whole, dt=dt, size=SIZE)
    return noise


def _white(frames, seed=0):
    generator = np.random.default_rng(seed)
    return generator.normal(0, 0.5, (frames, 66, 3)), generator.normal(0, 0.2, (frames, 4, 3))


@pytest.mark.parametrize("speed", [0.0, 200.0])
def test_the_level_is_that_of_steps_whatever_the_speed_and_the_rate(speed):
    own, common = _white(400)
    for steps in (np.full(400, 1 / 60), np.random.default_rng(1).uniform(0.01, 0.06, 400)):
        times = np.cumsum(steps)
        noise = _levels(own + speed * times[:, None, None], common + speed * times[:, None, None], times)
        moves = np.linalg.norm(np.diff(own, axis=0), axis=-1)
        assert np.median(noise.own) == pytest.approx(np.quantile(moves, 0.7), rel=0.15)
        assert np.median(noise.common) == pytest.approx(
            np.quantile(np.abs(np.diff(common, axis=0)), 0.7), rel=0.25
        )


def test_each_point_has_its_own():
    own, common = _white(400)
    own[:, :17] *= 2
    level = _levels(own, common, np.arange(400) / 30).own
    assert np.mean(level[:17]) == pytest.approx(2 * np.mean(level[17:]), rel=0.2)


def test_a_long_talk_is_not_taken_for_noise():
    own, common = _white(400)
    quiet = np.median(_levels(own, common, np.arange(400) / 30).own)
    own[:, 48:, 1] += 10 * np.sin(np.arange(400))[:, None]
    assert _levels(own, common, np.arange(400) / 30).own.max() < 3.5 * quiet


def test_a_video_that_stands_still_has_some():
    still = np.zeros((100, 66, 3))
    noise = _levels(still, still[:, :4], np.arange(100) / 30)
    assert (noise.own > 0).all()
    assert (noise.common > 0).all()
