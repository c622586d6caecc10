"""A moving face with known truth: calm at rest, no lag, and never worse than what was measured."""

import numpy as np
import pytest

from face_alignment_3d.errors import LandmarksError
from face_alignment_3d.video import LandmarkSmoother, Smoothing
from tests.video.made_up_scene import shape66

FACE = shape66()
SIZE = 150.0


def _turned(yaw_degrees, pitch_degrees=0.0):
    y, p = np.deg2rad([yaw_degrees, pitch_degrees])
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    return FACE @ (about_y @ about_x).T


def _at_rest(_):
    return FACE


def _walking(t):  # Half a face width a second.
    return FACE + np.array([0.5 * t, 0.1 * t, 0.0])


def _shaking_no(t):
    return _turned(30 * np.sin(2 * np.pi * t), 5 * np.sin(2 * np.pi * 0.7 * t))


def _swaying(t):
    return FACE + np.array([0.3 * np.sin(2 * np.pi * t), 0.0, 0.0])


def _nodding_closer(t):
    return FACE * (1 + 0.25 * np.sin(np.pi * t))


MOTIONS = {"walking": _walking, "no": _shaking_no, "swaying": _swaying, "closer": _nodding_closer}


def _run(
    motion, *, fps=30.0, size=SIZE, noise=0.004, together=0.0015, seconds=6.0, confidence=0.65, times=None
):
    """(truth, measured, smoothed), each (frames, 66, 3) in face sizes, after the first second.

    ``noise`` of each point, ``together`` of the whole face, both as a share of its size.
    """
    generator = np.random.default_rng(0)
    smoother = LandmarkSmoother()
    times = np.arange(round(seconds * fps)) / fps if times is None else times
    rows = []
    for time in times:
        truth = motion(time) * size
        measured = truth + size * generator.normal(0, noise, (66, 3))
        measured += size * generator.normal(0, together, 3)
        smoothed = smoother.update(measured, np.full(66, confidence), time=time)
        if time >= 1:
            rows.append([truth, measured, smoothed])
    return np.moveaxis(np.array(rows) / size, 1, 0)


def _rms(error):
    return float(np.sqrt(np.mean(np.sum(np.square(error), axis=-1))))


def _jitter(points, truth):
    """The motion of points from frame to frame that has no cause in the face."""
    return _rms(np.diff(points - truth, axis=0))


def _lag(truth, points):
    """Frames by which ``points`` are behind, by least squares."""
    velocity, behind = np.diff(truth, axis=0), (truth - points)[1:]
    return float(np.sum(behind * velocity) / np.sum(velocity**2))


@pytest.mark.parametrize("noise", [0.002, 0.004, 0.01])
@pytest.mark.parametrize("fps", [25, 30, 60])
def test_jitter_at_rest_is_at_least_5_times_less(noise, fps):
    truth, measured, smoothed = _run(_at_rest, noise=noise, together=0.375 * noise, fps=fps)
    assert _jitter(measured, truth) > 5 * _jitter(smoothed, truth)
    assert _rms(measured - truth) > 2 * _rms(smoothed - truth)


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("noise", [0.002, 0.004, 0.01])
@pytest.mark.parametrize("fps", [15, 30, 60])
def test_in_motion_there_is_no_lag_and_less_error(motion, noise, fps):
    truth, measured, smoothed = _run(MOTIONS[motion], noise=noise, together=0.375 * noise, fps=fps)
    assert abs(_lag(truth, smoothed)) < 0.3
    assert _rms(smoothed - truth) < _rms(measured - truth)


def test_slow_drift_is_less_than_a_pixel_behind():
    for speed in (0.01, 0.03, 0.06, 0.1):
        truth, _, smoothed = _run(lambda t, speed=speed: FACE + np.array([speed * t, 0.0, 0.0]))
        assert SIZE * np.abs(np.mean(smoothed - truth, axis=(0, 1))).max() < 1


def test_a_blink_arrives():
    lids = [20, 21, 22, 23]

    def motion(t):
        face = FACE.copy()
        face[lids, 1] += 0.035 * np.exp(-(((t % 2 - 1) / 0.06) ** 2))
        return face

    truth, measured, smoothed = (part[:, lids] for part in _run(motion))
    assert np.ptp(smoothed[..., 1], axis=0).mean() > 0.8 * np.ptp(truth[..., 1], axis=0).mean()
    assert _rms(smoothed - truth) < _rms(measured - truth)


def test_an_open_mouth_does_not_move_the_rest():
    mouth = slice(48, 66)

    def motion(t):
        face = FACE.copy()
        face[mouth, 1] += 0.06 * (t > 3)
        return face

    truth, _, smoothed = _run(motion, noise=0.001, together=0.0)
    rest = np.r_[0:48]
    assert np.abs((smoothed - truth)[:, rest]).max() < 0.01
    assert np.abs((smoothed - truth)[-30:, mouth]).max() < 0.005


def test_a_jump_is_followed_at_once():
    smoother = LandmarkSmoother()
    generator = np.random.default_rng(0)
    for index in range(30):
        smoother.update(FACE * SIZE + generator.normal(0, 0.5, (66, 3)), np.ones(66), time=index / 30)
    jumped = FACE * SIZE + np.array([40.0, 0.0, 0.0])
    assert np.abs(smoother.update(jumped, np.ones(66), time=1.0) - jumped).max() < 2


def test_face_sizes_are_treated_alike():
    small, large = _run(_swaying, size=50), _run(_swaying, size=500)
    np.testing.assert_allclose(small, large, atol=1e-9)


def test_uncertain_points_are_calmer():
    def jitter(confidence):
        truth, _, smoothed = _run(_at_rest, together=0.0, confidence=confidence)
        return _jitter(smoothed, truth)

    assert jitter(0.15) < 0.7 * jitter(0.65)


def test_time_stamps_count_not_frames():
    steps = np.random.default_rng(1).uniform(0.015, 0.06, 200)
    truth, measured, smoothed = _run(_swaying, times=np.cumsum(steps))
    assert _rms(smoothed - truth) < _rms(measured - truth)


def test_the_first_landmarks_and_those_after_a_gap_pass():
    smoother = LandmarkSmoother()
    first, later = FACE * SIZE, FACE * SIZE + 3
    np.testing.assert_array_equal(smoother.update(first, np.ones(66), time=0.0), first)
    assert not np.array_equal(smoother.update(later, np.ones(66), time=0.03), later)
    np.testing.assert_array_equal(smoother.update(later, np.ones(66), time=1.0), later)
    smoother.reset()
    np.testing.assert_array_equal(smoother.update(first, np.ones(66), time=0.0), first)


def test_results_are_the_callers():
    smoother = LandmarkSmoother()
    points = FACE * SIZE
    smoother.update(points, np.ones(66), time=0.0)[:] = 0
    points[:] = 0
    assert np.abs(smoother.update(FACE * SIZE, np.ones(66), time=0.1) - FACE * SIZE).max() < 1e-9


def test_wrong_calls():
    smoother = LandmarkSmoother()
    smoother.update(FACE, np.ones(66), time=1.0)
    with pytest.raises(ValueError, match="rise from frame to frame"):
        smoother.update(FACE, np.ones(66), time=1.0)
    with pytest.raises(LandmarksError, match="NaN or infinity"):
        smoother.update(FACE * np.nan, np.ones(66), time=2.0)
    with pytest.raises(LandmarksError, match=r"\(N, 3\)"):
        smoother.update(FACE[:, :2], np.ones(66), time=2.0)
    with pytest.raises(ValueError, match="common_min_cutoff must be above 0"):
        Smoothing(common_min_cutoff=0.0)


def _network_noise(frames, *, noise=0.0006, together=0.0015, seed=0):
    """(frames, 66, 3) in face sizes: like a network's, which is not white.

    Neighbors err together, jaw and brows err more, the whole face gives and turns, and half of each error
    stays for the next frame.
    """
    generator = np.random.default_rng(seed)
    apart = np.linalg.norm(FACE[:, None] - FACE[None], axis=-1)
    mix = np.linalg.cholesky(np.exp(-((apart / 0.15) ** 2)) + 1e-6 * np.eye(66))
    mix *= np.repeat([3.0, 2.0, 1.0], [17, 10, 39])[:, None]
    ways = np.column_stack([0.3 * np.ones(66), FACE - FACE.mean(axis=0)])
    innovations = noise * np.einsum("ij,tjk->tik", mix, generator.normal(size=(frames, 66, 3)))
    innovations += together * np.einsum("ij,tjk->tik", ways, generator.normal(size=(frames, 4, 3)))
    errors = [innovations[0]]
    for new in innovations[1:]:
        errors.append(0.5 * errors[-1] + np.sqrt(0.75) * new)
    return np.array(errors)


def _video(motion, *, seed=0, fps=30.0, seconds=8.0):
    """(truth, measured, smoothed) as of _run, with a network's noise."""
    smoother = LandmarkSmoother()
    times = np.arange(round(seconds * fps)) / fps
    truth = np.array([motion(time) for time in times])
    measured = truth + _network_noise(len(times), seed=seed)
    smoothed = [
        smoother.update(SIZE * points, np.full(66, 0.65), time=time)
        for points, time in zip(measured, times, strict=True)
    ]
    return np.array([truth, measured, np.array(smoothed) / SIZE])[:, round(fps) :]


@pytest.mark.parametrize("seed", range(3))
def test_a_networks_jitter_at_rest_is_at_least_5_times_less(seed):
    truth, measured, smoothed = _video(_at_rest, seed=seed)
    assert _jitter(measured, truth) > 5 * _jitter(smoothed, truth)


# With so little noise, what is lost at the turning points of a shaken head ("no") is more than is gained.
@pytest.mark.parametrize("motion", sorted(MOTIONS.keys() - {"no"}))
def test_with_a_networks_noise_there_is_no_lag_and_no_more_error(motion):
    truth, measured, smoothed = _video(MOTIONS[motion])
    assert abs(_lag(truth, smoothed)) < 0.3
    assert _rms(smoothed - truth) <= _rms(measured - truth)


@pytest.mark.parametrize("looks", [2, 3, 6])
def test_noise_that_is_carried_on_is_calmed_as_well(looks):
    """As when the network looks at every second, third or sixth frame."""
    rest = FACE * SIZE
    generator = np.random.default_rng(7)
    out, raw, smoother = [], [], LandmarkSmoother()
    for index in range(300):
        noisy = rest + generator.normal(0, 0.5, rest.shape)
        if index % looks == 0:
            points = noisy
        raw.append(noisy)
        out.append(smoother.update(points, np.full(66, 0.65), time=index / 30, propagated=index % looks > 0))
    moved = [_rms(np.diff(points[60:], axis=0)) for points in (raw, out)]
    assert moved[1] < moved[0] / 5


def test_a_repeated_frame_now_and_then_does_not_wake_it():
    noise = _network_noise(240)
    noise[1::4] = noise[0::4]
    smoother = LandmarkSmoother()
    smoothed = [
        smoother.update(SIZE * (FACE + error), np.full(66, 0.65), time=index / 30) / SIZE
        for index, error in enumerate(noise)
    ]
    assert _jitter(noise[30:], 0) > 4 * _jitter(np.array(smoothed)[30:], 0)
